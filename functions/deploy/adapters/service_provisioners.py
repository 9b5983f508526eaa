"""The adapter of each kind of data service."""

from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.ports import ServiceProvisioner
from functions.runtime.config.settings import Settings


class ConfiguredServiceProvisioners:
    def __init__(self, settings: Settings) -> None:
        self._by_kind: dict[ServiceKind, ServiceProvisioner] = {
            ServiceKind.POSTGRES: PostgresServiceProvisioner(settings),
            ServiceKind.REDIS: RedisServiceProvisioner(settings),
        }

    def of(self, kind: ServiceKind) -> ServiceProvisioner:
        return self._by_kind[kind]
