"""Whether usage is measured, as events: interrupted once, and resumed once."""

from datetime import datetime, timedelta

from events.monitor import MeasurementInterrupted, MeasurementResumed
from functions.kernel import Event
from functions.monitor.ports import Collection

SILENCE = timedelta(minutes=25)
"""A collector reports what idles every ten minutes, and there are always functions that do."""
NEW_RELEASE_SILENCE = timedelta(minutes=1)
"""While a release is observed its instances have just started, and are reported every few seconds."""
NOT_MEASURED = "not-measured"
"""The reason of a deployment without any report on its release."""


class Measurement:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def record_report(self, at: datetime) -> list[Event]:
        return [MeasurementResumed(at=at)] if await self._collection.record_report(at) else []

    async def find_silence(self, at: datetime) -> list[Event]:
        return await self._mark(at, SILENCE)

    async def after_deployment(self, reason: str, at: datetime) -> list[Event]:
        """A deployment that was not measured is a sign that nothing is."""
        return await self._mark(at, NEW_RELEASE_SILENCE) if reason == NOT_MEASURED else []

    async def _mark(self, at: datetime, silence: timedelta) -> list[Event]:
        since = await self._collection.mark_missing(at - silence)
        return [MeasurementInterrupted(since=since, at=at)] if since else []
