"""Whether this machine's disk has room for another volume (pure).

Volumes are sparse: a file takes what was written. But each is promised its size, so what the others have not written yet counts as taken. Without
that, several volumes that fill up together would fill the disk below PostgreSQL and RabbitMQ.
"""

from dataclasses import dataclass

from knative.local.sizes import format_bytes


@dataclass(frozen=True, slots=True)
class Room:
    free_bytes: int
    """On the file system below (statvfs(3), f_bavail)."""
    reserve_bytes: int
    """That stays free (`disk_pressure`)."""
    promised_bytes: int
    """Sizes of all volumes, less what they take already."""

    @property
    def available_bytes(self) -> int:
        return max(self.free_bytes - self.reserve_bytes - self.promised_bytes, 0)

    def refusal(self, requested_bytes: int) -> str | None:
        """Return why so many bytes more are not granted; None when they are."""
        if requested_bytes <= self.available_bytes:
            return None
        return (
            f"this machine's disk has no room for {format_bytes(requested_bytes)}: {format_bytes(self.free_bytes)} are free, of which "
            f"{format_bytes(self.reserve_bytes)} stay free for the platform and {format_bytes(self.promised_bytes)} are promised to other volumes"
        )
