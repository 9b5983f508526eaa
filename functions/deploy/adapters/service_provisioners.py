"""The adapter of each data service: its kind and plan, and what this installation offers, decide."""

from functions.deploy.adapters.dedicated_provisioner import DedicatedPostgresProvisioner
from functions.deploy.adapters.postgres_clusters import PostgresClusterProvisioner
from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.deploy.adapters.redis_stateful_sets import RedisStatefulSetProvisioner
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.adapters.settings import service_addresses
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import ServerPlace, ServiceKind
from functions.deploy.ports import ServiceProvisioner
from functions.runtime.config.settings import Settings


class ConfiguredServiceProvisioners:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, service: DataService) -> ServiceProvisioner:
        if service.kind is ServiceKind.POSTGRES:
            return postgres_provisioner(self._settings, service)
        if service_addresses(self._settings).place_of(service.kind, service.limits) is ServerPlace.CLUSTER:
            return RedisStatefulSetProvisioner(self._settings, service.database, service.application_id)
        return RedisServiceProvisioner(self._settings)


def postgres_provisioner(settings: Settings, service: DataService) -> PostgresServiceProvisioner:
    match service_addresses(settings).place_of(service.kind, service.limits):
        case ServerPlace.SHARED:
            return PostgresServiceProvisioner(settings)
        case ServerPlace.MACHINE:
            return DedicatedPostgresProvisioner(settings)
        case ServerPlace.CLUSTER:
            return PostgresClusterProvisioner(settings, service.database, service.application_id)
