"""The adapter of each kind of data service, and of each way in which databases are provisioned."""

from functions.deploy.adapters.dedicated_provisioner import DedicatedPostgresProvisioner
from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.service_plans import Plan, ServiceKind
from functions.deploy.ports import ServiceProvisioner
from functions.runtime.config.settings import Settings


class ConfiguredServiceProvisioners:
    def __init__(self, settings: Settings) -> None:
        self._shared = PostgresServiceProvisioner(settings)
        self._dedicated = DedicatedPostgresProvisioner(settings)
        self._redis = RedisServiceProvisioner(settings)

    def of(self, kind: ServiceKind, plan: Plan) -> ServiceProvisioner:
        if kind is ServiceKind.REDIS:
            return self._redis
        return self._dedicated if plan.is_dedicated else self._shared
