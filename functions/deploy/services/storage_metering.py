"""Measure what applications store, once in an hour."""

from dataclasses import dataclass

from functions.deploy.domain.storage_metering import INTERVAL, MAX_CLOCK_STEP, StorageMeter
from functions.deploy.ports import StorageMeters
from functions.kernel import Clock, Events, OutgoingMessage

BATCH_SIZE = 1000


@dataclass(frozen=True, slots=True)
class StorageMetering:
    meters: StorageMeters
    clock: Clock

    async def measure(self) -> Events:
        """Measure what is due. Returns the events, which are committed together with the meters."""
        now, events = self.clock.now(), list[OutgoingMessage]()
        await self.meters.add_missing()
        due = await self.meters.lock_due(now - INTERVAL, now + MAX_CLOCK_STEP, BATCH_SIZE)
        stored = await self.meters.list_stored(due) if due else {}
        kept: list[StorageMeter] = []
        for meter in due:
            resources = stored.get(meter.application_id, ())
            if (measured := meter.measure(resources, now)) is not None:
                events.append(measured)
            if any(not each.is_purged for each in resources):  # a meter that began anew after `undelete` would measure some hours twice
                kept.append(meter)
        await self.meters.save(kept)
        await self.meters.delete({each.application_id for each in due} - {each.application_id for each in kept})
        return tuple(events)
