"""Ports of the deploy context: what its use cases need from databases, the cluster and the installation."""

from functions.deploy.ports.cluster import ApplicationRequests, Builds, BuildSettings, Cluster, ClusterRefused, ClusterUnavailable
from functions.deploy.ports.data_services import (
    DataServices,
    ServiceProvisioner,
    ServiceProvisioners,
    ServiceServerRefused,
    ServiceServerUnavailable,
    ServiceStatistics,
    ServiceUsage,
    hit_ratio,
)
from functions.deploy.ports.domains import (
    Account,
    CertificateAuthority,
    CertificatePolicy,
    CertificateReader,
    DomainObjects,
    Domains,
    OrderFailed,
    Resolver,
    ResolverUnavailable,
)
from functions.deploy.ports.schedules import Schedules
from functions.deploy.ports.service_backups import ServiceBackups, ServiceBackupStore, StoredServiceBackup
from functions.deploy.ports.storage_meters import StorageMeters, StorageUse
from functions.deploy.ports.stores import (
    Applications,
    Configurations,
    DeployKeys,
    Deployments,
    Environments,
    Housekeeping,
    Quotas,
    Releases,
    RepositoryAccesses,
    Vault,
)
from functions.deploy.ports.volumes import Volumes, VolumeSnapshots, VolumeStorage
from functions.deploy.ports.work import Inspections, Operations, Runs
from functions.kernel import Memberships

__all__ = [
    "Account",
    "ApplicationRequests",
    "Applications",
    "BuildSettings",
    "Builds",
    "CertificateAuthority",
    "CertificatePolicy",
    "CertificateReader",
    "Cluster",
    "ClusterRefused",
    "ClusterUnavailable",
    "Configurations",
    "DataServices",
    "DeployKeys",
    "Deployments",
    "DomainObjects",
    "Domains",
    "Environments",
    "Housekeeping",
    "Inspections",
    "Memberships",
    "Operations",
    "OrderFailed",
    "Quotas",
    "Releases",
    "RepositoryAccesses",
    "Resolver",
    "ResolverUnavailable",
    "Runs",
    "Schedules",
    "ServiceBackupStore",
    "ServiceBackups",
    "ServiceProvisioner",
    "ServiceProvisioners",
    "ServiceServerRefused",
    "ServiceServerUnavailable",
    "ServiceStatistics",
    "ServiceUsage",
    "StorageMeters",
    "StorageUse",
    "StoredServiceBackup",
    "Vault",
    "VolumeSnapshots",
    "VolumeStorage",
    "Volumes",
    "hit_ratio",
]
