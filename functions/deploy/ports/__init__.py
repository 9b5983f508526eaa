"""Ports of the deploy context: what its use cases need from databases, the cluster and the installation."""

from functions.deploy.ports.cluster import ApplicationRequests, Builds, BuildSettings, Cluster, ClusterRefused, ClusterUnavailable
from functions.deploy.ports.data_services import DataServices, ServiceProvisioner, ServiceServerRefused, ServiceServerUnavailable, ServiceUsage
from functions.deploy.ports.schedules import Schedules
from functions.deploy.ports.service_backups import ServiceBackups, ServiceBackupStore, StoredServiceBackup
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
from functions.deploy.ports.work import Inspections, Operations, Runs
from functions.kernel import Memberships

__all__ = [
    "ApplicationRequests",
    "Applications",
    "BuildSettings",
    "Builds",
    "Cluster",
    "ClusterRefused",
    "ClusterUnavailable",
    "Configurations",
    "DataServices",
    "DeployKeys",
    "Deployments",
    "Environments",
    "Housekeeping",
    "Inspections",
    "Memberships",
    "Operations",
    "Quotas",
    "Releases",
    "RepositoryAccesses",
    "Runs",
    "Schedules",
    "ServiceBackupStore",
    "ServiceBackups",
    "ServiceProvisioner",
    "ServiceServerRefused",
    "ServiceServerUnavailable",
    "ServiceUsage",
    "StoredServiceBackup",
    "Vault",
]
