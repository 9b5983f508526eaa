"""The port of what is known about the platform's collector."""

from datetime import datetime
from typing import Protocol


class Collection(Protocol):
    """Whether usage is measured. It says nothing about one application: one that is at zero has nothing to measure."""

    async def record_report(self, at: datetime) -> bool:
        """A report has arrived. Returns whether reports had been missing. Reports of one minute count as one."""
        ...

    async def mark_missing(self, before: datetime) -> datetime | None:
        """Mark reports as missing if the last arrived before that time. Returns its time; None if there is one, or if they were marked already."""
        ...

    async def missing_since(self) -> datetime | None:
        """The time of the last report, or of the installation, if reports are marked as missing."""
        ...
