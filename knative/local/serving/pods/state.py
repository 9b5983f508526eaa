"""Where a pod stands, and why one cannot start, in a kubelet's words."""

from dataclasses import dataclass, field
from enum import StrEnum

from knative.local.images import UnknownImage
from knative.local.processes.network.namespaces import NetworkSetupError
from knative.local.sandbox.identities import IdentitiesExhausted
from knative.local.serving.pods.environment import MissingReference
from knative.local.serving.pods.exit import Exit

DISK_PRESSURE = "NodeHasDiskPressure"
IMAGE_PULL_BACK_OFF = "ImagePullBackOff"


class Stage(StrEnum):
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    WAITING = "waiting"
    """Between two attempts to start."""
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Why a container cannot start: reason and message of a waiting container's state."""

    reason: str
    message: str


@dataclass(slots=True)
class Initialization:
    """The init containers, which run one after the other before the pod's own."""

    current: str | None = None
    """The name of the one that is next or running; None when the pod's own container is."""
    exits: dict[str, Exit] = field(default_factory=dict)
    """How those that ran have ended, by name."""

    @property
    def failure(self) -> Exit | None:
        return next((exit for exit in self.exits.values() if exit.code), None)


@dataclass(slots=True)
class PodState:
    stage: Stage = Stage.STARTING
    init: Initialization = field(default_factory=Initialization)
    restarts: int = 0
    failures: int = 0
    """Exits in a row without a stable run between them."""
    exit: Exit | None = None
    """How the container's last run ended."""
    start_failure: StartFailure | None = None
    is_running: bool = False
    unready_reason: str = ""
    """Why a running container does not answer yet."""

    @property
    def is_ready(self) -> bool:
        return self.stage is Stage.READY


def start_failure_of(error: UnknownImage | NetworkSetupError | MissingReference | IdentitiesExhausted) -> StartFailure:
    match error:
        case UnknownImage():
            reason = IMAGE_PULL_BACK_OFF
        case NetworkSetupError() | IdentitiesExhausted():
            reason = "FailedCreatePodSandBox"
        case MissingReference():
            reason = "ContainerCreating" if str(error).startswith("MountVolume") else "CreateContainerConfigError"
    return StartFailure(reason, str(error))
