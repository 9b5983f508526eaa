"""What the cluster itself reports: changes of objects that carry our label (an ApiServerSource), log lines and requests (the collector).

On one machine `knative/local` reports them; on a cluster Knative's ApiServerSource and a log agent do, in the same words.
"""

from datetime import datetime

from pydantic import Field

from functions.kernel import Event, Part


class ObjectUpdated(Event, type="dev.knative.apiserver.ref.update"):
    """An object changed: a reference only; who wants its state reads it (Kubernetes ObjectReference)."""

    kind: str
    name: str
    namespace: str = ""
    api_version: str = ""


class LogEntry(Part):
    """One line of a container's output."""

    at: datetime
    namespace: str
    pod: str
    container: str
    labels: dict[str, str] = Field(default_factory=dict)
    stream: str = "stdout"
    line: str


class LogsCollected(Event, type="logs.collected"):
    entries: list[LogEntry]


class RequestWindow(Part):
    """Requests of one revision with one status within a window."""

    from_: datetime = Field(alias="from")
    to: datetime
    namespace: str
    service: str
    revision: str
    labels: dict[str, str] = Field(default_factory=dict)
    status: int = Field(ge=0, le=999)
    count: int = Field(ge=0, le=10**12)
    duration_ms_sum: float = Field(ge=0, allow_inf_nan=False)


class RequestsMeasured(Event, type="requests.measured"):
    windows: list[RequestWindow]
