"""Report what applications take of the machine's disk, beside the resources of their pods.

Reports go with those of pods, and on their own only when an application's images change, which a deployment or the retention of images does: whoever
reads them scales to zero and is not woken by a cache that grew. What was reported and did not change is not reported again.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from knative.local.eventing.outgoing import now

INTERVAL_SECONDS = 5.0
"""Between two comparisons of the images."""
Usage = Mapping[str, Any]
"""A DiskUsage of `events/cluster.py`, without its time."""


class DiskSource(Protocol):
    """The disk images and application images of this machine."""

    def images(self) -> Mapping[str, tuple[int, int]]:
        """Namespace → (images, bytes). Cheap."""
        ...

    def disk_usage(self) -> Mapping[str, Usage]:
        """Application namespace → what it takes."""
        ...


class DiskReports:
    def __init__(self, source: DiskSource) -> None:
        self._source = source
        self._images: Mapping[str, tuple[int, int]] = {}
        self._reported: dict[str, Usage] = {}
        self._compared_at = 0.0

    def due(self, clock: float, *, has_windows: bool) -> list[Usage]:
        """Returns the usages to report now. `clock` in seconds; `has_windows`: resources of pods are reported now."""
        if not has_windows:
            if clock - self._compared_at < INTERVAL_SECONDS:
                return []
            self._compared_at = clock
            if self._source.images() == self._images:
                return []
        self._images = dict(self._source.images())
        usage = dict(self._source.disk_usage())
        changed = [each for namespace, each in usage.items() if self._reported.get(namespace) != each]
        self._reported = usage
        at = now()
        return [{"at": at, **each} for each in changed]

    def forget(self) -> None:
        """Nothing was reported to whoever reads from now on."""
        self._images, self._reported = {}, {}
