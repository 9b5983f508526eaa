"""Record the outcome of an inspection when its Job changes, and delete its namespace."""

from functions.deploy.domain.inspection import Inspection, Outcome, inspection_of
from functions.deploy.ports import Cluster, Inspections
from functions.kernel import Clock, Work


class InspectionRecorder:
    def __init__(self, inspections: Inspections, cluster: Cluster, clock: Clock) -> None:
        self._inspections = inspections
        self._cluster = cluster
        self._clock = clock

    async def record(self, kind: str, namespace: str, name: str, work: Work) -> bool:
        """Return whether the object is the Job of an inspection."""
        inspection_id = inspection_of(name) if kind == "Job" else None
        if inspection_id is None:
            return False
        async with work.reading():
            inspection = await self._inspections.find(inspection_id)
        if inspection is None or inspection.namespace != namespace:
            return True
        if inspection.finished_at is not None:  # an earlier attempt has stored the outcome
            await self._cluster.delete_namespace(inspection.namespace, inspection.id)
        elif (outcome := await self._cluster.observe_inspection(namespace, name)) is not None:
            await self.finish(inspection, outcome, work)
        return True

    async def finish(self, inspection: Inspection, outcome: Outcome, work: Work) -> None:
        """Store the outcome before the Job is deleted: an attempt after a failed deletion would not find it."""
        async with work.preparing():
            stored = await self._inspections.lock(inspection.id)
            if stored is not None:
                stored.finish(outcome, self._clock.now())
                await self._inspections.save(stored)
        await self._cluster.delete_namespace(inspection.namespace, inspection.id)
