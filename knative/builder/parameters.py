"""What a build is told, read once from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Parameters:
    repository: str
    ref: str
    application: str
    image: str
    hosts: frozenset[str]
    environment: Mapping[str, str]
    """What installers may see."""
    workspace: Path
    termination_log: Path
    source_bytes: int
    image_bytes: int
    seconds: float

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        root = Path(environment.get("CAPSULE_ROOT", "/"))
        names = environment.get("BUILD_ENVIRONMENT", "").split()
        return cls(
            repository=environment["REPOSITORY"],
            ref=environment.get("REF", ""),
            application=environment.get("APPLICATION", ""),
            image=environment["IMAGE"],
            hosts=frozenset(environment.get("REPOSITORY_HOSTS", "").split()),
            environment={name: environment[name] for name in names if name in environment},
            workspace=root / environment.get("WORKSPACE", "/workspace").lstrip("/"),
            termination_log=root / environment.get("TERMINATION_LOG", "/dev/termination-log").lstrip("/"),
            source_bytes=int(environment.get("LIMIT_SOURCE_MIB", "256")) * MIB,
            image_bytes=int(environment.get("LIMIT_IMAGE_MIB", "1024")) * MIB,
            seconds=float(environment.get("LIMIT_SECONDS", "600")),
        )
