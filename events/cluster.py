"""What the cluster itself reports: changes of objects that carry our label (an ApiServerSource), log lines, requests and used resources (the
collector).

On one machine `knative/local` reports them; on a cluster Knative's ApiServerSource and a log agent do, in the same words.
"""

from datetime import datetime
from typing import Annotated

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


Bucket = Annotated[int, Field(ge=-500, le=1000)]
Count = Annotated[int, Field(ge=0, le=10**12)]


class Durations(Part):
    """How long requests took: OpenTelemetry's exponential histogram, in milliseconds. Bucket i holds what is over b^i and at most b^(i+1), with
    b = 2^(2^-scale), so that histograms are merged by adding counts."""

    scale: int = Field(default=4, ge=4, le=4)
    buckets: dict[Bucket, Count] = Field(default_factory=dict, max_length=1501)


class RequestWindow(Part):
    """Requests of one revision with one status within a window."""

    from_: datetime = Field(alias="from")
    to: datetime
    namespace: str
    service: str
    revision: str
    labels: dict[str, str] = Field(default_factory=dict)
    status: int = Field(ge=0, le=999)
    count: Count
    duration_ms_sum: float = Field(ge=0, allow_inf_nan=False)
    durations: Durations = Field(default_factory=Durations)


class RequestsMeasured(Event, type="requests.measured"):
    windows: list[RequestWindow]


class ResourceWindow(Part):
    """What one pod used from one moment to another; a pod's windows follow each other without gaps."""

    from_: datetime = Field(alias="from")
    to: datetime
    namespace: str
    pod: str
    service: str = ""
    revision: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    cpu_milliseconds: int = Field(ge=0, le=10**12)
    memory_bytes_max: int = Field(ge=0, le=10**15)
    memory_bytes_mean: int = Field(ge=0, le=10**15)


Bytes = Annotated[int, Field(ge=0, le=10**18)]


class DiskUsage(Part):
    """What one application takes of a machine's disk: its namespace's images, build cache and running instances. Null: not measured."""

    at: datetime
    namespace: str
    labels: dict[str, str] = Field(default_factory=dict, description="Of the namespace.")
    images: Count
    image_bytes: Bytes
    cache_bytes: Bytes | None = None
    instance_bytes: dict[str, Bytes] | None = Field(default=None, description="By environment.")


class ResourcesMeasured(Event, type="resources.measured"):
    """`disks` has the applications whose usage changed. It is empty where nothing measures disks, as on a cluster."""

    windows: list[ResourceWindow]
    disks: list[DiskUsage] = Field(default_factory=list)
