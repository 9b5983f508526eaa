"""Which adapter stands behind which port of the deploy context."""

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.adapters.postgres import PostgresApplications, PostgresQuotas
from functions.deploy.adapters.postgres_deployments import PostgresDeployments, PostgresReleases
from functions.deploy.adapters.postgres_environments import PostgresConfigurations, PostgresEnvironments
from functions.deploy.adapters.sealing import SealedVault
from functions.deploy.adapters.settings import MountedBuilds, patience, repository_policy
from functions.deploy.domain.environment import Patience
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.ports import (
    Applications,
    Builds,
    Cluster,
    Configurations,
    Deployments,
    Environments,
    Housekeeping,
    Quotas,
    Releases,
    Vault,
)
from functions.runtime.config.wiring import Wiring
from functions.runtime.reliability.housekeeping import Housekeeping as RuntimeHousekeeping


def housekeeping(runtime: RuntimeHousekeeping) -> Housekeeping:
    return runtime


wiring = Wiring(
    database="deploy",
    ports={
        Applications: PostgresApplications,
        Builds: MountedBuilds,
        Cluster: KubernetesCluster,
        Configurations: PostgresConfigurations,
        Deployments: PostgresDeployments,
        Environments: PostgresEnvironments,
        Housekeeping: housekeeping,
        Patience: patience,
        Quotas: PostgresQuotas,
        Releases: PostgresReleases,
        RepositoryPolicy: repository_policy,
        Vault: SealedVault,
    },
)
