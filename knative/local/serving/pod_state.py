"""Where a pod stands, and why one cannot even start, in a kubelet's words."""

from enum import StrEnum

from knative.local.images import UnknownImage
from knative.local.processes_network import Unconnected
from knative.local.sandbox.identities import Exhausted
from knative.local.serving.environment import Missing

DISK_PRESSURE = "NodeHasDiskPressure"


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    WAITING = "waiting"
    """Between two tries."""
    ENDING = "ending"
    ENDED = "ended"


def trouble(error: UnknownImage | Unconnected | Missing | Exhausted) -> tuple[str, str]:
    """(reason, message)"""
    match error:
        case UnknownImage():
            reason = "ImagePullBackOff"
        case Unconnected() | Exhausted():
            reason = "FailedCreatePodSandBox"
        case Missing():
            reason = "ContainerCreating" if str(error).startswith("MountVolume") else "CreateContainerConfigError"
    return reason, str(error)
