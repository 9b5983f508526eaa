"""Make what the cluster has of a volume what is stored: its present claim with its size, and no other claims."""

from dataclasses import dataclass
from uuid import UUID

from functions.deploy.domain.application import ACTIVE, Application
from functions.deploy.domain.deployment import Cause
from functions.deploy.domain.operation import OperationKind
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.domain.volume import Volume, VolumeState
from functions.deploy.domain.volume_manifests import StoragePolicy, claim
from functions.deploy.ports import (
    Applications,
    Cluster,
    ClusterRefused,
    Deployments,
    Environments,
    Networks,
    Releases,
    Volumes,
    VolumeSnapshots,
    VolumeStorage,
)
from functions.deploy.services.deployment_starter import DeploymentStarter
from functions.kernel import Clock, Events, Origin, OutgoingMessage, Transient, Work


@dataclass(frozen=True, slots=True)
class VolumeRefresher:
    applications: Applications
    environments: Environments
    deployments: Deployments
    releases: Releases
    volumes: Volumes
    snapshots: VolumeSnapshots
    storage: VolumeStorage
    cluster: Cluster
    networks: Networks
    policy: StoragePolicy
    starter: DeploymentStarter
    clock: Clock

    async def provide(self, volume_id: UUID, operation: str, work: Work) -> bool:
        """Create the claim of the present generation, or let it grow; of the next one for a restore. Returns False if there is nothing to do,
        since the volume is deleted.

        Raises ClusterRefused with the cluster's reason.
        """
        async with work.reading():
            volume = await self.volumes.find(volume_id)
            if volume is None or volume.is_deleted:
                return False
            if operation == OperationKind.VOLUME_RESTORE:
                volume.switch_to_restored()
            application = await self.applications.get_any(volume.application_id)
            snapshot = await self.snapshots.find(volume.snapshot_id) if volume.snapshot_id else None
        if application.status != ACTIVE:
            return False
        await self.cluster.apply(*tenancy(application.name, application.id, await self.networks.egress()))
        reading = await self.storage.provide(claim(volume, application, self.policy, snapshot))
        if reading.failure is not None:
            if volume.state is VolumeState.CREATING:
                await self.storage.delete_claims(application.namespace, volume.id)
            raise ClusterRefused(reading.failure)
        return True

    async def record(self, volume_id: UUID, operation: str, origin: Origin) -> Events:
        """Record that the claim is as it was asked for, in one transaction. Returns the events. Raises Transient while a deployment is in progress
        where a restored volume is attached."""
        application, volume = await self._lock(volume_id)
        events: list[OutgoingMessage] = [*volume.complete(application.user_id, self.clock.now())]
        if volume.is_deleted:
            raise Transient("the volume was deleted while its storage was created")
        if operation == OperationKind.VOLUME_RESIZE:
            events.extend(volume.complete_resize(application.user_id, self.clock.now()))
        if operation == OperationKind.VOLUME_RESTORE:
            volume.switch_to_restored()
            events.extend(volume.restored(application.user_id, self.clock.now()))
            events.extend(await self._restart(application, volume, origin))
        await self.volumes.save(volume)
        return tuple(events)

    async def fail(self, volume_id: UUID, operation: str, error: Exception) -> None:
        _, volume = await self._lock(volume_id)
        volume.fail(operation, str(error))
        await self.volumes.save(volume)

    async def delete_former(self, volume_id: UUID, work: Work) -> None:
        """Delete the claims from before a restore, unless another one is in progress, which deletes them later."""
        async with work.reading():
            volume = await self.volumes.find(volume_id)
            application = await self.applications.get_any(volume.application_id) if volume else None
        if volume is not None and application is not None and volume.restoring_snapshot_id is None:
            await self.storage.delete_claims(application.namespace, volume.id, except_for=[volume.claim])

    async def delete_unrestored(self, volume_id: UUID, work: Work) -> None:
        """Delete the claim of a restore that has ended without it."""
        async with work.reading():
            volume = await self.volumes.find(volume_id)
            application = await self.applications.get_any(volume.application_id) if volume else None
        if volume is not None and application is not None and volume.restoring_snapshot_id is None:
            await self.storage.delete_claims(application.namespace, volume.id, except_for=volume.claims)

    async def _lock(self, volume_id: UUID) -> tuple[Application, Volume]:
        volume = await self.volumes.find(volume_id)
        assert volume is not None, "rows of volumes are kept"
        application = await self.applications.lock_any(volume.application_id)
        volume = await self.volumes.lock_any(volume_id)
        assert volume is not None
        return application, volume

    async def _restart(self, application: Application, volume: Volume, origin: Origin) -> Events:
        """Restart what has the volume: its instances have the former files until then."""
        if volume.environment is None:
            return ()
        environment = await self.environments.get(application, volume.environment)
        if environment.runs_nothing:
            return ()
        if any(each.environment == environment.name for each in await self.deployments.lock_running(application.id)):
            raise Transient(f"a deployment to {environment.name} is in progress")
        serving = await self.deployments.find_serving(environment)
        if serving is None or serving.release_id is None:
            return ()
        release = await self.releases.get(serving.release_id)
        _, events = await self.starter.deploy_release(application, environment, release, Cause.RESTART, origin)
        return events
