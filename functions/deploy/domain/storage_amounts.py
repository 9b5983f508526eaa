"""How many data services, volumes and backups there are or may be, and how large they are together."""

from dataclasses import dataclass, fields
from typing import Self

from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import PLANS, ServiceKind
from functions.deploy.domain.storage_rejections import BackupQuotaExceeded, DataServiceQuotaExceeded, VolumeQuotaExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageAmounts:
    """As a quota or as what is used. Services: those that Capsule creates, with the storage of their plans. Backups: with snapshots of volumes.

    What is deleted counts until it cannot be restored any more.
    """

    data_services: int = 0
    data_services_mib: int = 0
    volumes: int = 0
    volumes_mib: int = 0
    backups: int = 0
    backups_mib: int = 0

    @classmethod
    def of_service(cls, service: DataService) -> Self:
        return cls(data_services=1, data_services_mib=service_mib(service.kind, service.plan))

    def __add__(self, other: Self) -> Self:
        return type(self)(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


def service_mib(kind: ServiceKind, plan: str) -> int:
    """The storage that a plan reserves. Nothing for a server elsewhere."""
    return PLANS[kind][plan].storage_mib if plan in PLANS[kind] else 0


FREE = StorageAmounts(data_services=5, data_services_mib=5120, volumes=5, volumes_mib=2048, backups=100, backups_mib=5120)
"""Of the free plan, with which every account begins."""


def check_storage(used: StorageAmounts, limits: StorageAmounts, more: StorageAmounts, plan: str) -> None:
    """Whether there is room for more. Only what `more` contains is checked, so a smaller plan hinders nothing else.

    Raises DataServiceQuotaExceeded, VolumeQuotaExceeded and BackupQuotaExceeded.
    """
    if more.data_services and used.data_services + more.data_services > limits.data_services:
        raise DataServiceQuotaExceeded.of(
            "data services", used.data_services, limits.data_services, "", plan, more.data_services, "Delete one (capsule services delete NAME)"
        )
    if more.data_services_mib and used.data_services_mib + more.data_services_mib > limits.data_services_mib:
        raise DataServiceQuotaExceeded.of(
            "data services",
            *(used.data_services_mib, limits.data_services_mib, "MiB", plan, more.data_services_mib),
            "Choose a smaller plan of the service, delete one (capsule services delete NAME)",
            "/plan",
        )
    if more.volumes and used.volumes + more.volumes > limits.volumes:
        raise VolumeQuotaExceeded.of("volumes", used.volumes, limits.volumes, "", plan, more.volumes, "Delete one (capsule volumes delete NAME)")
    if more.volumes_mib and used.volumes_mib + more.volumes_mib > limits.volumes_mib:
        raise VolumeQuotaExceeded.of(
            "volumes",
            *(used.volumes_mib, limits.volumes_mib, "MiB", plan, more.volumes_mib),
            "Choose a smaller size, delete one (capsule volumes delete NAME)",
            "/sizeMib",
        )
    remedy = "Delete some (capsule services backups NAME, capsule volumes snapshots NAME), keep fewer (capsule services backup-policy NAME)"
    if more.backups and used.backups + more.backups > limits.backups:
        raise BackupQuotaExceeded.of("backups and snapshots", used.backups, limits.backups, "", plan, more.backups, remedy)
    if more.backups and used.backups_mib + more.backups_mib >= limits.backups_mib:
        raise BackupQuotaExceeded.of("backups and snapshots", used.backups_mib, limits.backups_mib, "MiB", plan, more.backups_mib, remedy)
