"""Events of the cluster: changes of objects with Capsule's label, log lines, requests and resource usage.

On one machine `knative/local` publishes them; on a cluster Knative's ApiServerSource and `knative.collector` do, in the same form.
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from functions.kernel import Event, Part


class ObjectUpdated(Event, type="dev.knative.apiserver.ref.update"):
    """A cluster object changed.

    A reference without state (Kubernetes ObjectReference): the handler reads the object.
    """

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
    """Log lines were collected."""

    entries: list[LogEntry]


Bucket = Annotated[int, Field(ge=-500, le=1000)]
Count = Annotated[int, Field(ge=0, le=10**12)]


class Durations(Part):
    """How long requests took, in milliseconds: an exponential histogram of OpenTelemetry.

    Bucket i holds durations over b^i and up to b^(i+1), with b = 2^(2^-scale). Histograms merge by adding counts.
    """

    scale: int = Field(default=4, ge=4, le=4)
    buckets: dict[Bucket, Count] = Field(default_factory=dict, max_length=1501)


class RequestWindow(Part):
    """The requests of one revision with one status within a window of time. Durations are in milliseconds.

    A window with the count 0 and the status 0 reports that the revision is measured, and has had no requests.
    """

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
    """Requests were counted."""

    windows: list[RequestWindow]


class ResourceWindow(Part):
    """The CPU time and memory of one pod within a window of time.

    The windows of a pod follow each other without gaps.
    """

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
    """The disk space of one application on one machine, in bytes: images, build cache, running instances.

    Null: not measured.
    """

    at: datetime
    namespace: str
    labels: dict[str, str] = Field(default_factory=dict, description="Of the namespace.")
    images: Count
    image_bytes: Bytes
    cache_bytes: Bytes | None = None
    instance_bytes: dict[str, Bytes] | None = Field(default=None, description="By environment.")


class ResourcesMeasured(Event, type="resources.measured"):
    """Resource usage was measured.

    `disks`: the applications whose disk usage changed; empty where disks are not measured, as on a cluster.
    """

    windows: list[ResourceWindow]
    disks: list[DiskUsage] = Field(default_factory=list)
