"""Reports of the disk space that applications use.

Their receiver scales to zero, so a growing cache must not wake it: reports are sent with resource windows of pods, and
on their own only when an application's images change (a deployment, image retention). Unchanged usage is not reported
again.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from functions.wire.knative_events import now

INTERVAL_SECONDS = 5.0
"""Between two comparisons of the images."""
Usage = Mapping[str, Any]
"""A DiskUsage of `events/cluster.py`, without its time."""


class DiskSource(Protocol):
    """The disk images and application images of this machine."""

    def images(self) -> Mapping[str, tuple[int, int]]:
        """Namespace → (number of images, bytes). Cheap."""
        ...

    def disk_usage(self) -> Mapping[str, Usage]:
        """Namespace of an application → its usage."""
        ...


class DiskReports:
    def __init__(self, source: DiskSource) -> None:
        self._source = source
        self._images: Mapping[str, tuple[int, int]] = {}
        self._reported: dict[str, Usage] = {}
        self._compared_at = 0.0

    def due(self, clock: float, *, has_windows: bool) -> list[Usage]:
        """Return the usages to report now. `clock` in seconds; `has_windows`: resource windows of pods are reported now."""
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

    def discard(self) -> None:
        """Report everything again, to a new target."""
        self._images, self._reported = {}, {}
