"""The size of an environment: what `execve` gets when an instance starts.

Linux limits one string to 128 KiB and all of them, with the arguments, to a quarter of the stack's limit, which is 2 MiB
by default (execve(2)). A Secret has at most 1 MiB (Kubernetes). Capsule's limits are below each.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from functions.deploy.domain.configuration import ALL_ENVIRONMENTS, Change, Entry, merge
from functions.deploy.domain.rejections import InvalidConfiguration
from functions.kernel import FieldError

MAX_ENVIRONMENT_BYTES = 256 * 1024
"""Names and values of one environment, with the entries of all environments."""
SEPARATORS = 2
"""`=` and U+0000."""
NEVER = datetime.min.replace(tzinfo=UTC)


def check_size(entries: Sequence[Entry], change: Change, scope: str) -> None:
    """Check the environments that a change affects. `change`: before its secrets are sealed.

    Raises InvalidConfiguration if one becomes too large. What is too large already may shrink.
    """
    after = _apply(entries, change, scope)
    affected = {scope} if scope != ALL_ENVIRONMENTS else {ALL_ENVIRONMENTS, *(each.scope for each in entries)}
    for environment in sorted(affected):
        size = environment_size(after, environment)
        if size > max(MAX_ENVIRONMENT_BYTES, environment_size(entries, environment)):
            name = f"environment {environment}" if environment else "all environments"
            detail = f"variables and secrets of {name} would have {size:,} bytes: use at most {MAX_ENVIRONMENT_BYTES:,}"
            raise InvalidConfiguration.of([FieldError("", detail)])


def environment_size(entries: Iterable[Entry], environment: str) -> int:
    """Return the bytes of the names and values that apply in an environment."""
    return sum(_entry_size(each) for each in merge(entries, environment).values())


def _entry_size(entry: Entry) -> int:
    """The size of a stored secret is estimated from its sealed text, which is base64."""
    value_size = len(entry.value.encode("utf-8", "surrogatepass")) if entry.value is not None else len(entry.sealed or "") * 3 // 4
    return len(entry.name.encode()) + value_size + SEPARATORS


def _apply(entries: Iterable[Entry], change: Change, scope: str) -> list[Entry]:
    """Return the entries after the change, with secrets as plain values."""
    values = {**change.variables, **change.secrets}
    kept = [each for each in entries if each.scope != scope or each.name not in values.keys() | change.unset]
    return kept + [Entry(scope, name, 0, NEVER, value=value) for name, value in values.items()]
