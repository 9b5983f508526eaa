"""Resource limits of a container, and the rlimits that stand in for control groups where there are none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knative.local.quantities import parse_quantity

MAX_PROCESSES = 256
"""Of one sandboxed container."""
DEFAULT_EPHEMERAL_STORAGE = "1Gi"
"""What a pod may write where its template names no limit."""
DATA_HEADROOM_BYTES = 256 << 20
MAX_OPEN_FILES = 4096


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """None: not limited."""

    memory_bytes: int | None = None
    processes: int | None = None
    cpu_cores: float | None = None
    file_bytes: int | None = None
    """Of the largest single file."""

    @classmethod
    def of(cls, container: Mapping[str, Any], is_sandboxed: bool, file_bytes: int | None = None) -> "ResourceLimits":
        """Read `resources.limits` of a container. `file_bytes` applies to sandboxed containers only."""
        limits = container.get("resources", {}).get("limits", {})
        memory_bytes = int(parse_quantity(limits["memory"])) if "memory" in limits else None
        cpu_cores = float(parse_quantity(limits["cpu"])) if "cpu" in limits else None
        return cls(memory_bytes, MAX_PROCESSES if is_sandboxed else None, cpu_cores, file_bytes if is_sandboxed else None)

    def rlimits(self, is_sandboxed: bool, has_control_group: bool) -> dict[str, int]:
        """Return RLIMIT_… → value.

        Without a control group, RLIMIT_DATA bounds each process by itself, and RLIMIT_NPROC the processes of its user (getrlimit(2)).
        """
        rlimits = {"RLIMIT_CORE": 1 if is_sandboxed else 0}  # 1 starts no core dump handler either (core(5), piping)
        if is_sandboxed:
            rlimits["RLIMIT_NOFILE"] = MAX_OPEN_FILES
        if self.memory_bytes and not has_control_group:
            # Above the limit on purpose: `pods.disk_limits` notices the limit first and can say why the container ended.
            rlimits["RLIMIT_DATA"] = 2 * self.memory_bytes + DATA_HEADROOM_BYTES
        if self.file_bytes:
            rlimits["RLIMIT_FSIZE"] = self.file_bytes
        if self.processes and is_sandboxed and not has_control_group:
            rlimits["RLIMIT_NPROC"] = self.processes
        return rlimits
