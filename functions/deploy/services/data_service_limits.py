"""How many data services an application and an account may have."""

from functions.deploy.domain.application import Application
from functions.deploy.domain.data_service_rejections import TooManyDataServices
from functions.deploy.domain.service_plans import PLANS, ServiceKind
from functions.deploy.ports import DataServices

MAX_SERVICES = 5
"""Of one application, deleted ones included until they are purged."""
MAX_DATABASES = 10
"""Of one account on the shared PostgreSQL server. With all connections of their plan, twice as many while credentials rotate, they use less than half
of the server's: an account cannot keep others from connecting."""


async def require_room(services: DataServices, application: Application, kind: ServiceKind, plan: str) -> None:
    """Lock the account's quota first, so that two requests do not both take the last place. `plan`: empty for an external service.

    Raises TooManyDataServices.
    """
    if len(await services.list_of(application.id)) >= MAX_SERVICES:
        raise TooManyDataServices.of(application.name, MAX_SERVICES)
    await require_shared_room(services, application, kind, plan)


async def require_shared_room(services: DataServices, application: Application, kind: ServiceKind, plan: str) -> None:
    """Whether the account may have another database on the shared server, if the plan's are there. Raises TooManyDataServices."""
    is_shared = kind is ServiceKind.POSTGRES and not PLANS[kind][plan].is_dedicated
    if is_shared and await services.count_databases_of_account(application.user_id) >= MAX_DATABASES:
        raise TooManyDataServices.of_account(MAX_DATABASES)
