"""Which adapter stands behind each port of deploy."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.deploy import ports as deploy
from tests.memory import deploy as memory_deploy
from tests.memory import (
    deploy_backups,
    deploy_cluster,
    deploy_data_services,
    deploy_domains,
    deploy_inspections,
    deploy_operations,
    deploy_process_scalings,
    deploy_releases,
    deploy_runs,
    deploy_schedules,
    deploy_storage_meters,
    deploy_volumes,
)
from tests.memory.memberships import MemoryMemberships
from tests.memory.runtime import MemoryHousekeeping


def service_mover(provisioners: deploy.ServiceProvisioners) -> deploy_data_services.MemoryServiceMover:
    assert isinstance(provisioners, deploy_data_services.MemoryServiceProvisioners)
    return deploy_data_services.MemoryServiceMover(provisioners)


def applications(quotas: deploy.Quotas) -> memory_deploy.MemoryApplications:
    assert isinstance(quotas, memory_deploy.MemoryQuotas)
    return memory_deploy.MemoryApplications(quotas)


def schedules(applications: deploy.Applications) -> deploy_schedules.MemorySchedules:
    assert isinstance(applications, memory_deploy.MemoryApplications)
    return deploy_schedules.MemorySchedules(applications)


def domains(applications: deploy.Applications) -> deploy_domains.MemoryDomains:
    return deploy_domains.MemoryDomains(applications)


def data_services(applications: deploy.Applications) -> deploy_data_services.MemoryDataServices:
    return deploy_data_services.MemoryDataServices(applications)


def function_services(cluster: deploy.Cluster) -> deploy_cluster.MemoryFunctionServices:
    assert isinstance(cluster, deploy_cluster.MemoryCluster)
    return deploy_cluster.MemoryFunctionServices(cluster)


def runs(applications: deploy.Applications) -> deploy_runs.MemoryRuns:
    assert isinstance(applications, memory_deploy.MemoryApplications)
    return deploy_runs.MemoryRuns(applications)


def stored_rows(
    applications: deploy.Applications,
    services: deploy.DataServices,
    backups: deploy.ServiceBackups,
    volumes: deploy.Volumes,
    snapshots: deploy.VolumeSnapshots,
) -> deploy_storage_meters.StoredRows:
    assert isinstance(applications, memory_deploy.MemoryApplications) and isinstance(services, deploy_data_services.MemoryDataServices)
    assert isinstance(backups, deploy_backups.MemoryServiceBackups) and isinstance(volumes, deploy_volumes.MemoryVolumes)
    assert isinstance(snapshots, deploy_volumes.MemoryVolumeSnapshots)
    return deploy_storage_meters.StoredRows(applications, services, backups, volumes, snapshots)


PORTS: Mapping[Any, Callable[..., Any]] = {
    deploy.ApplicationRequests: deploy_cluster.MemoryApplicationRequests,
    deploy.Applications: applications,
    deploy.Builds: memory_deploy.FixedBuilds,
    deploy.Cluster: deploy_cluster.MemoryCluster,
    deploy.Configurations: memory_deploy.MemoryConfigurations,
    deploy.CertificateAuthority: deploy_domains.MemoryAuthority,
    deploy.DataServices: data_services,
    deploy.ServiceBackupStore: deploy_backups.MemoryServiceBackupStore,
    deploy.ServiceBackups: deploy_backups.MemoryServiceBackups,
    deploy.ServiceMover: service_mover,
    deploy.ServiceProvisioners: deploy_data_services.MemoryServiceProvisioners,
    deploy.ServiceTunnels: deploy_data_services.MemoryServiceTunnels,
    deploy.Deployments: deploy_releases.MemoryDeployments,
    deploy.DomainObjects: deploy_domains.MemoryDomainObjects,
    deploy.Domains: domains,
    deploy.Environments: memory_deploy.MemoryEnvironments,
    deploy.FunctionServices: function_services,
    deploy.Housekeeping: MemoryHousekeeping,
    deploy.Inspections: deploy_inspections.MemoryInspections,
    deploy.Memberships: MemoryMemberships,
    deploy.Networks: memory_deploy.FixedNetworks,
    deploy.Operations: deploy_operations.MemoryOperations,
    deploy.Quotas: memory_deploy.MemoryQuotas,
    deploy.Releases: deploy_releases.MemoryReleases,
    deploy.RepositoryAccesses: memory_deploy.MemoryRepositoryAccesses,
    deploy.RenewalInfo: deploy_domains.MemoryRenewalInfo,
    deploy.Resolver: deploy_domains.MemoryResolver,
    deploy.Runs: runs,
    deploy.ProcessScalings: deploy_process_scalings.MemoryProcessScalings,
    deploy.Schedules: schedules,
    deploy.StorageMeters: deploy_storage_meters.MemoryStorageMeters,
    deploy.StorageUse: deploy_storage_meters.MemoryStorageUse,
    deploy_storage_meters.StoredRows: stored_rows,
    deploy.Vault: memory_deploy.PlainVault,
    deploy.VolumeSnapshots: deploy_volumes.MemoryVolumeSnapshots,
    deploy.VolumeStorage: deploy_volumes.MemoryVolumeStorage,
    deploy.Volumes: deploy_volumes.MemoryVolumes,
}

EXTERNAL: frozenset[Any] = frozenset(
    {
        deploy.ApplicationRequests,
        deploy.CertificateAuthority,
        deploy.Cluster,
        deploy.ServiceBackupStore,
        deploy.DomainObjects,
        deploy.FunctionServices,
        deploy.Networks,
        deploy.Resolver,
        deploy.ServiceMover,
        deploy.ServiceProvisioners,
        deploy.VolumeStorage,
    }
)
