"""The adapter of each data service: its kind and plan, and what this installation offers, decide."""

from functions.deploy.adapters import variables
from functions.deploy.adapters.postgres_clusters import PostgresClusterProvisioner
from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.deploy.adapters.redis_stateful_sets import RedisStatefulSetProvisioner
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.ports import ServiceProvisioner
from functions.runtime.config.settings import Settings


class ConfiguredServiceProvisioners:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, service: DataService) -> ServiceProvisioner:
        own = (self._settings, service.database, service.application_id)
        if service.kind is ServiceKind.REDIS:
            is_on_cluster = bool(self._settings.value(variables.SERVICES_REDIS_IMAGE))
            return RedisStatefulSetProvisioner(*own) if is_on_cluster else RedisServiceProvisioner(self._settings)
        if service.limits.is_dedicated:
            return PostgresClusterProvisioner(*own)
        return PostgresServiceProvisioner(self._settings)
