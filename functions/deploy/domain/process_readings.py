"""What the pods of process types say about a release. Pure."""

from collections.abc import Iterable

from functions.deploy.domain.exits import describe_code, with_cause
from functions.deploy.domain.instances import Instance, InstanceState


def has_crashed(instance: Instance) -> bool:
    """Whether its process has exited. A worker does not end, so any exit code counts."""
    return instance.state is InstanceState.CRASHED or (instance.restarts > 0 and instance.last_exit_code is not None)


def describe_crashes(instances: Iterable[Instance]) -> str | None:
    """Return a sentence for each process type with an instance that crashes; None if there is none."""
    first: dict[str, Instance] = {}
    for each in instances:
        if has_crashed(each):
            first.setdefault(each.process, each)
    sentences = []
    for name, each in sorted(first.items()):
        code = describe_code(each.last_exit_code) if each.last_exit_code is not None else "an unknown code"
        sentences.append(with_cause(f"{name} exited with {code} and is started again.", each.last_output))
    return "\n".join(sentences) or None
