"""Measure what applications store, once in an hour."""

from dataclasses import dataclass

from functions.deploy.domain.storage_metering import INTERVAL, MAX_CLOCK_STEP
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
        for meter in due:
            resources = stored.get(meter.application_id, ())
            if (measured := meter.measure(resources, now)) is not None:
                events.append(measured)
            if any(not each.is_purged for each in resources):  # a meter that began anew after `undelete` would measure some hours twice
                await self.meters.save(meter)
            else:
                await self.meters.delete(meter.application_id)
        return tuple(events)
