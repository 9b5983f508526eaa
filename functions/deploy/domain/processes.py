"""Process types beside `web`: their commands belong to the release, their number of instances and size to the environment.

`web` answers requests and is a Knative Service. Every other type is a Deployment that runs without requests.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import orjson

from functions.deploy.domain.autoscaling import MAX_INSTANCES, Autoscaling
from functions.deploy.domain.workload_rejections import InvalidProcesses
from functions.kernel import FieldError

WEB, WORKER = "web", "worker"
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,19}$"
COMMAND = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
MAX_PROCESS_TYPES = 10
MEMORY_MIB = range(64, 8192 + 1)
CPU_MILLIS = range(100, 4000 + 1)
STOP_SECONDS, DEFAULT_STOP_SECONDS = range(1, 600 + 1), 30
DEFAULT_INSTANCES = {WORKER: 1}
"""Of a process type that a release names for the first time. Others start when their user scales them: a type may be a console or a one-off."""


@dataclass(frozen=True, slots=True)
class ProcessSize:
    """Number of instances, and the limits of each; None: those of the environment. Raises InvalidProcesses."""

    instances: int = 0
    memory_mib: int | None = None
    cpu_millis: int | None = None
    stop_seconds: int = DEFAULT_STOP_SECONDS
    """Between SIGTERM and SIGKILL."""
    autoscaling: Autoscaling | None = None
    """None: `instances` run. With it, `instances` is the number that was last seen."""

    def __post_init__(self) -> None:
        bounds = (
            ("instances", "instances", self.instances, range(MAX_INSTANCES + 1)),
            ("memoryMib", "memory in MiB", self.memory_mib, MEMORY_MIB),
            ("cpuMillis", "CPU in millicores", self.cpu_millis, CPU_MILLIS),
            ("stopSeconds", "seconds to stop", self.stop_seconds, STOP_SECONDS),
        )
        errors = [
            FieldError(f"/{pointer}", f"{noun} {value}: use {allowed.start}–{allowed.stop - 1}")
            for pointer, noun, value, allowed in bounds
            if value is not None and value not in allowed
        ]
        if errors:
            raise InvalidProcesses.of(errors)

    @property
    def max_instances(self) -> int:
        return self.autoscaling.max_instances if self.autoscaling else self.instances

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "autoscaling": self.autoscaling.as_json() if self.autoscaling else None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        autoscaling = stored.get("autoscaling")
        return cls(**{**stored, "autoscaling": Autoscaling.from_json(autoscaling) if autoscaling else None})


@dataclass(frozen=True, slots=True)
class ProcessSizes:
    """What an environment says about its process types, by name."""

    by_name: Mapping[str, ProcessSize] = field(default_factory=dict)

    def of(self, name: str) -> ProcessSize:
        return self.by_name.get(name, ProcessSize())

    def max_memory_mib(self, default_mib: int) -> int:
        """Memory with all instances: the amount reserved from the quota. `default_mib`: of an instance of the environment."""
        return sum(each.max_instances * (each.memory_mib or default_mib) for each in self.by_name.values())

    def with_changes(self, changes: Mapping[str, ProcessSize]) -> Self:
        return type(self)({**self.by_name, **changes})

    def introduce(self, names: Iterable[str]) -> Self:
        """Give the process types that are seen for the first time their default number of instances."""
        new = {name: ProcessSize(DEFAULT_INSTANCES.get(name, 0)) for name in names if name not in self.by_name}
        return self.with_changes(new) if new else self

    def as_json(self) -> dict[str, Any]:
        return {name: each.as_json() for name, each in self.by_name.items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls({name: ProcessSize.from_json(each) for name, each in stored.items()})


def parse_commands(text: str) -> dict[str, str]:
    """Read the process types that a build reports: a JSON object of names and commands. What is not valid is left out: tenant code can write it."""
    try:
        found = orjson.loads(text) if text else {}
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    valid = {
        name: line
        for name, line in found.items()
        if re.fullmatch(NAME_PATTERN[1:-1], name) and name not in (WEB, "release") and isinstance(line, str) and COMMAND.fullmatch(line)
    }
    return dict(list(valid.items())[:MAX_PROCESS_TYPES])
