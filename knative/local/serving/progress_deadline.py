"""The progress deadline of a new revision: how long it has to become ready, and why it did not (Knative, serving.knative.dev/progress-deadline)."""

from collections.abc import Mapping

from knative.local.serving.autoscaler import parse_duration
from knative.local.serving.pods.pod import Pod
from knative.local.serving.pods.state import StartFailure

ANNOTATION = "serving.knative.dev/progress-deadline"
DEFAULT = "600s"
EXCEEDED = "ProgressDeadlineExceeded"


def progress_deadline_seconds(annotations: Mapping[str, str]) -> float:
    """Raises ValueError."""
    return parse_duration(annotations.get(ANNOTATION, DEFAULT))


def deadline_failure(pod: Pod | None, deadline_seconds: float) -> StartFailure:
    """Return why a revision did not become ready, and how to fix it. `pod`: one of its pods; None: it has none."""
    within = f"within {deadline_seconds:g} s"
    if pod is None:
        return StartFailure(EXCEEDED, f"No pod was ready {within}.")
    if pod.unready_reason.startswith("nothing listens"):
        others = [port for port in pod.listening_ports() if port != pod.port]
        hint = f" It listens on {', '.join(map(str, others))}, but must listen on the port in $PORT." if others else ""
        return StartFailure(EXCEEDED, f"The container never listened on port {pod.port} (its $PORT) {within}.{hint}")
    return StartFailure(EXCEEDED, f"The container never became ready {within}: {pod.unready_reason or 'it was not probed yet'}.")
