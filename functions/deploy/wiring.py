"""Which adapter implements which port of the deploy context."""

from functions.deploy.adapters import variables
from functions.deploy.adapters.acme_authority import AcmeAuthority, AcmeRenewalInfo
from functions.deploy.adapters.backup_notices import backup_notices
from functions.deploy.adapters.configured_networks import ConfiguredNetworks
from functions.deploy.adapters.deploy_keys import Ed25519Keys
from functions.deploy.adapters.dns_resolver import DnsResolver
from functions.deploy.adapters.domain_settings import certificate_policy, platform_names
from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.adapters.kubernetes_domains import KubernetesDomains
from functions.deploy.adapters.kubernetes_functions import KubernetesFunctions
from functions.deploy.adapters.kubernetes_volumes import KubernetesVolumes
from functions.deploy.adapters.postgres_applications import PostgresApplications
from functions.deploy.adapters.postgres_data_services import PostgresDataServices
from functions.deploy.adapters.postgres_deployments import PostgresDeployments, PostgresReleases
from functions.deploy.adapters.postgres_domains import PostgresDomains
from functions.deploy.adapters.postgres_environments import PostgresConfigurations, PostgresEnvironments
from functions.deploy.adapters.postgres_inspections import PostgresInspections
from functions.deploy.adapters.postgres_operations import PostgresOperations
from functions.deploy.adapters.postgres_process_scalings import PostgresProcessScalings
from functions.deploy.adapters.postgres_quotas import PostgresQuotas
from functions.deploy.adapters.postgres_repository_access import PostgresRepositoryAccesses
from functions.deploy.adapters.postgres_runs import PostgresRuns
from functions.deploy.adapters.postgres_schedules import PostgresSchedules
from functions.deploy.adapters.postgres_service_backups import PostgresServiceBackups
from functions.deploy.adapters.postgres_service_tunnels import PostgresServiceTunnels
from functions.deploy.adapters.postgres_storage_meters import PostgresStorageMeters
from functions.deploy.adapters.postgres_storage_use import PostgresStorageUse
from functions.deploy.adapters.postgres_volumes import PostgresVolumes, PostgresVolumeSnapshots
from functions.deploy.adapters.service_backup_store import StoredServiceBackups
from functions.deploy.adapters.service_mover import ConfiguredServiceMover
from functions.deploy.adapters.service_provisioners import ConfiguredServiceProvisioners
from functions.deploy.adapters.settings import (
    MountedBuilds,
    application_urls,
    grace_policy,
    observation_policy,
    repository_policy,
    service_addresses,
    storage_policy,
    terminal_address,
)
from functions.deploy.adapters.vault import SealedVault
from functions.deploy.adapters.x509_certificates import X509Certificates
from functions.deploy.domain.attach_ticket import TerminalAddress
from functions.deploy.domain.domains import PlatformNames
from functions.deploy.domain.environment import ObservationPolicy
from functions.deploy.domain.release_facts import ApplicationUrls
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.domain.service_plans import ServiceAddresses
from functions.deploy.domain.standing import GracePolicy
from functions.deploy.domain.volume_manifests import StoragePolicy
from functions.deploy.ports import (
    ApplicationRequests,
    Applications,
    Builds,
    CertificateAuthority,
    CertificatePolicy,
    CertificateReader,
    Cluster,
    Configurations,
    DataServices,
    DeployKeys,
    Deployments,
    DomainObjects,
    Domains,
    Environments,
    FunctionServices,
    Housekeeping,
    Inspections,
    Memberships,
    Networks,
    Operations,
    ProcessScalings,
    Quotas,
    Releases,
    RenewalInfo,
    RepositoryAccesses,
    Resolver,
    Runs,
    Schedules,
    ServiceBackups,
    ServiceBackupStore,
    ServiceMover,
    ServiceProvisioners,
    ServiceTunnels,
    StorageMeters,
    StorageUse,
    Vault,
    Volumes,
    VolumeSnapshots,
    VolumeStorage,
)
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.account_closing import AccountClosing
from functions.deploy.services.account_reviewer import AccountReviewer
from functions.deploy.services.application_deletion import ApplicationDeletion
from functions.deploy.services.backup_recorder import BackupRecorder
from functions.deploy.services.certificate_attempts import CertificateAttempts
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.deploy.services.deployment_starter import DeploymentStarter
from functions.deploy.services.domain_publisher import DomainPublisher
from functions.deploy.services.inspection_recorder import InspectionRecorder
from functions.deploy.services.operation_reader import OperationReader
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.deploy.services.process_types import ProcessTypes
from functions.deploy.services.renderings import Renderings
from functions.deploy.services.run_recorder import RunRecorder
from functions.deploy.services.scaling_recorder import ScalingRecorder
from functions.deploy.services.schedule_recorder import ScheduleRecorder
from functions.deploy.services.service_access import ServiceAccess
from functions.deploy.services.service_credentials import ServiceCredentials
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.deploy.services.storage_admission import StorageAdmission
from functions.deploy.services.storage_exporter import StorageExporter
from functions.deploy.services.storage_metering import StorageMetering
from functions.deploy.services.volume_refresher import VolumeRefresher
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import SealedColumn, Wiring
from functions.runtime.reliability.housekeeping import Housekeeping as RuntimeHousekeeping
from functions.runtime.reliability.memberships import PostgresMemberships


def application_requests(settings: Settings) -> ApplicationRequests:
    from functions.deploy.adapters.application_requests import HttpApplicationRequests  # httpx is large: only who calls out waits for it

    return HttpApplicationRequests(settings)


def housekeeping(runtime: RuntimeHousekeeping) -> Housekeeping:
    return runtime


wiring = Wiring(
    database="deploy",
    settings=variables.SECTIONS,
    stored_notices=backup_notices,
    sealed=(
        SealedColumn("config_entries", ("application_id", "scope", "name", "version"), "sealed"),
        SealedColumn("data_services", ("id",), "sealed_password"),
        SealedColumn("data_services", ("id",), "sealed_url"),
        SealedColumn("repository_access", ("application_id",), "sealed_private_key"),
        SealedColumn("repository_access", ("application_id",), "sealed_token"),
        SealedColumn("acme_accounts", ("directory",), "sealed_key"),
        SealedColumn("domains", ("id",), "sealed_key"),
        SealedColumn("inspections", ("id",), "sealed_token"),
    ),
    ports={
        ApplicationDeletion: ApplicationDeletion,
        AccountReviewer: AccountReviewer,
        ApplicationRequests: application_requests,
        ApplicationUrls: application_urls,
        Applications: PostgresApplications,
        BackupRecorder: BackupRecorder,
        Builds: MountedBuilds,
        CertificateAttempts: CertificateAttempts,
        CertificateAuthority: AcmeAuthority,
        CertificatePolicy: certificate_policy,
        CertificateReader: X509Certificates,
        Cluster: KubernetesCluster,
        ConfigurationChanger: ConfigurationChanger,
        ProcessTypes: ProcessTypes,
        Configurations: PostgresConfigurations,
        DataServices: PostgresDataServices,
        DeployKeys: Ed25519Keys,
        DeploymentStarter: DeploymentStarter,
        Deployments: PostgresDeployments,
        DomainObjects: KubernetesDomains,
        DomainPublisher: DomainPublisher,
        Domains: PostgresDomains,
        Environments: PostgresEnvironments,
        GracePolicy: grace_policy,
        AccessControl: AccessControl,
        AccountClosing: AccountClosing,
        FunctionServices: KubernetesFunctions,
        Housekeeping: housekeeping,
        InspectionRecorder: InspectionRecorder,
        Inspections: PostgresInspections,
        Memberships: PostgresMemberships,
        Networks: ConfiguredNetworks,
        ObservationPolicy: observation_policy,
        OperationReader: OperationReader,
        OperationRecorder: OperationRecorder,
        Operations: PostgresOperations,
        PlatformNames: platform_names,
        ProcessScalings: PostgresProcessScalings,
        Quotas: PostgresQuotas,
        Releases: PostgresReleases,
        RenewalInfo: AcmeRenewalInfo,
        Renderings: Renderings,
        RepositoryAccesses: PostgresRepositoryAccesses,
        RepositoryPolicy: repository_policy,
        Resolver: DnsResolver,
        RunRecorder: RunRecorder,
        Runs: PostgresRuns,
        ScalingRecorder: ScalingRecorder,
        ScheduleRecorder: ScheduleRecorder,
        Schedules: PostgresSchedules,
        ServiceBackupStore: StoredServiceBackups,
        ServiceBackups: PostgresServiceBackups,
        ServiceAccess: ServiceAccess,
        ServiceAddresses: service_addresses,
        ServiceCredentials: ServiceCredentials,
        ServiceMover: ConfiguredServiceMover,
        ServiceProvisioners: ConfiguredServiceProvisioners,
        ServiceRefresher: ServiceRefresher,
        ServiceTunnels: PostgresServiceTunnels,
        StorageAdmission: StorageAdmission,
        StorageExporter: StorageExporter,
        StorageMetering: StorageMetering,
        StorageMeters: PostgresStorageMeters,
        StoragePolicy: storage_policy,
        StorageUse: PostgresStorageUse,
        TerminalAddress: terminal_address,
        Vault: SealedVault,
        VolumeRefresher: VolumeRefresher,
        VolumeSnapshots: PostgresVolumeSnapshots,
        VolumeStorage: KubernetesVolumes,
        Volumes: PostgresVolumes,
        WorkloadRefresher: WorkloadRefresher,
    },
)
