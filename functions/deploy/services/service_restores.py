"""What may not happen to a data service while a backup replaces its data."""

from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.data_service_rejections import DataServiceNotReady
from functions.deploy.ports import ServiceBackups


async def require_no_restore(backups: ServiceBackups, service: DataService) -> None:
    """With the service locked: a restore locks it too before it is added. Raises DataServiceNotReady.

    The restore reads the logins and the server of the service once, so neither may change before it has ended.
    """
    if any(each.finished_at is None for each in await backups.list_restores(service.id)):
        raise DataServiceNotReady(f"A backup is being restored into {service.name}. Wait until it has ended: capsule services backups {service.name}")
