"""What an application has beside its environments, for the export of a user's data: data services, volumes and domains, without contents."""

from collections.abc import Sequence
from dataclasses import dataclass

from functions.deploy.domain.application import Application
from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.data_service_views import DataServiceView
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import PlatformNames
from functions.deploy.domain.service_backup_views import BackupPolicyView, ServiceBackupView
from functions.deploy.domain.volume_views import VolumeSnapshotView, VolumeView
from functions.deploy.ports import DataServices, Domains, ServiceBackups, Volumes, VolumeSnapshots
from functions.kernel import Model


class ExportedDataServiceView(DataServiceView):
    backup_policy: BackupPolicyView | None
    backups: list[ServiceBackupView]


class ExportedVolumeView(VolumeView):
    snapshots: list[VolumeSnapshotView]


class ExportedStorageView(Model):
    """Without passwords, keys and certificates."""

    data_services: list[ExportedDataServiceView]
    volumes: list[ExportedVolumeView]
    domains: list[DomainView]


@dataclass(frozen=True, slots=True)
class StorageExporter:
    services: DataServices
    backups: ServiceBackups
    volumes: Volumes
    snapshots: VolumeSnapshots
    domains: Domains
    names: PlatformNames

    async def export(self, application: Application, entries: Sequence[Entry]) -> ExportedStorageView:
        """`entries`: of the application's newest configuration."""
        view = ExportedStorageView(data_services=[], volumes=[], domains=[])
        for service in await self.services.list_of(application.id):
            policy = await self.backups.find_policy(service.id)
            exported = ExportedDataServiceView(
                **dict(DataServiceView.of(service, entries)),
                backup_policy=BackupPolicyView.of(policy) if policy else None,
                backups=[ServiceBackupView.of(each) for each in await self.backups.list_of(service.id)],
            )
            view.data_services.append(exported)
        for volume in await self.volumes.list_of(application.id):
            snapshots = [VolumeSnapshotView.of(each) for each in await self.snapshots.list_of(volume.id)]
            view.volumes.append(ExportedVolumeView(**dict(VolumeView.of(volume)), snapshots=snapshots))
        view.domains.extend(DomainView.of(each, self.names) for each in await self.domains.list_of(application.id))
        return view
