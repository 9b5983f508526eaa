"""An environment is where an application runs, and at which size; staging and production are there from the beginning, others by name.

A deployment freezes what it is told here (`Terms`): a change in the middle of it is the next one's.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from functions.deploy.domain.application import Application
from functions.deploy.domain.names import PRODUCTION, STAGING
from functions.deploy.domain.rejections import EnvironmentNotFound, InvalidScale
from functions.kernel import FieldError

FROM_THE_BEGINNING = (STAGING, PRODUCTION)
MOST_INSTANCES = 20
MEMORY = range(64, 8192 + 1)
CPU = range(100, 4000 + 1)
LONGEST_OBSERVATION = 3600


@dataclass(frozen=True, slots=True)
class Size:
    """How many instances, and how much each may use."""

    min_scale: int = 0
    max_scale: int = 1
    memory_mib: int = 512
    cpu_millis: int = 1000

    def __post_init__(self) -> None:
        faults = [
            FieldError(pointer, detail)
            for pointer, right, detail in (
                ("/maxScale", 1 <= self.max_scale <= MOST_INSTANCES, f"from 1 to {MOST_INSTANCES} instances"),
                ("/minScale", 0 <= self.min_scale <= self.max_scale, "from 0 to the most instances there may be"),
                ("/memoryMib", self.memory_mib in MEMORY, f"from {MEMORY.start} to {MEMORY.stop - 1} MiB"),
                ("/cpuMillis", self.cpu_millis in CPU, f"from {CPU.start} to {CPU.stop - 1} thousandths of a processor"),
            )
            if not right
        ]
        if faults:
            raise InvalidScale(errors=faults)

    @property
    def most_memory_mib(self) -> int:
        """What it uses with all its instances: so much of the quota it takes."""
        return self.max_scale * self.memory_mib


@dataclass(frozen=True, slots=True)
class Terms:
    """What one deployment is bound to, from its request to its end."""

    size: Size = field(default_factory=Size)
    config_version: int = 0
    observation_seconds: int = 0
    until_ready_seconds: int = 120
    health_path: str | None = None
    release_command: str | None = None
    directory: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Self:
        return cls(**{**said, "size": Size(**said.get("size", {}))})


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, as the installation has them where an environment says nothing else: for how long a release that takes traffic is observed, and how
    long it may take to become ready."""

    production: int = 30
    elsewhere: int = 0
    until_ready: int = 120

    def observation(self, environment: str) -> int:
        return self.production if environment == PRODUCTION else self.elsewhere


@dataclass(slots=True)
class Environment:
    application_id: UUID
    name: str
    created_at: datetime
    size: Size = field(default_factory=Size)
    observation_seconds: int | None = None
    """None: as the installation has it."""
    deleted_at: datetime | None = None

    def here(self) -> Self:
        """Raises EnvironmentNotFound once it was deleted."""
        if self.deleted_at is not None:
            raise EnvironmentNotFound
        return self

    def resize(self, size: Size, observation_seconds: int | None) -> None:
        if observation_seconds is not None and not 0 <= observation_seconds <= LONGEST_OBSERVATION:
            raise InvalidScale(errors=[FieldError("/observationSeconds", f"from 0 to {LONGEST_OBSERVATION} seconds")])
        self.size, self.observation_seconds = size, observation_seconds

    def terms(self, patience: Patience, application: Application) -> Terms:
        observed = self.observation_seconds
        return Terms(
            size=self.size,
            config_version=application.config_version,
            observation_seconds=patience.observation(self.name) if observed is None else observed,
            until_ready_seconds=patience.until_ready,
            health_path=application.health_path,
            release_command=application.release_command,
            directory=application.directory,
        )
