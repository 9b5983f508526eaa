"""Why a new revision did not become ready, and how long it may take (Knative, serving.knative.dev/progress-deadline)."""

from collections.abc import Mapping

from knative.local.serving.autoscaler import parse_duration
from knative.local.serving.pods.exit import Exit
from knative.local.serving.pods.pod import Pod
from knative.local.serving.pods.probes import NOTHING_LISTENS
from knative.local.serving.pods.state import StartFailure

ANNOTATION = "serving.knative.dev/progress-deadline"
DEFAULT = "600s"
EXCEEDED = "ProgressDeadlineExceeded"
EXITED_UNREADY = "The container listened on its port and exited before its readiness probe succeeded."
SERVING_PATH = "capsule.dev/serving-path"
"""Annotation: a path that the first pods of a revision must answer with a status below 500 before the revision is ready.

Kubernetes' httpGet probe has no such range: an application whose "/" is not found or needs a login would never be
ready. Pods that follow only have to listen, so that an application whose database is away answers with its own error.
"""


def serving_path(annotations: Mapping[str, str]) -> str | None:
    return annotations.get(SERVING_PATH)


def progress_deadline_seconds(annotations: Mapping[str, str]) -> float:
    """Raises ValueError."""
    return parse_duration(annotations.get(ANNOTATION, DEFAULT))


def deadline_failure(pod: Pod | None, deadline_seconds: float) -> StartFailure:
    """Return why a revision did not become ready, and how to fix it. `pod`: one of its pods; None: it has none."""
    within = f"within {deadline_seconds:g} s"
    if pod is None:
        return StartFailure(EXCEEDED, f"No pod was ready {within}.")
    if pod.unready_reason.startswith(NOTHING_LISTENS):
        others = [port for port in pod.listening_ports() if port != pod.inner_port]
        hint = f" It listens on {', '.join(map(str, others))}, but must listen on the port in $PORT." if others else ""
        return StartFailure(EXCEEDED, f"The container never listened on port {pod.inner_port} (its $PORT) {within}.{hint}")
    return StartFailure(EXCEEDED, f"The container never became ready {within}: {pod.unready_reason or 'it was not probed yet'}.")


def exit_failure(pod: Pod, exit: Exit) -> StartFailure:
    """Return why a container that has exited is not healthy: its last output, after a line that says whether it had listened."""
    message = exit.message or f"The container exited with code {exit.code} and printed nothing."
    return StartFailure(exit.summary, f"{EXITED_UNREADY}\n{message}" if pod.has_listened_unready else message)
