"""How many data services an application and an account may have."""

from functions.deploy.domain.application import Application
from functions.deploy.domain.data_service import MAX_DATABASES, MAX_SERVICES
from functions.deploy.domain.data_service_rejections import TooManyDataServices
from functions.deploy.domain.service_plans import PLANS, ServiceKind
from functions.deploy.ports import DataServices


async def require_room(services: DataServices, application: Application, kind: ServiceKind, plan: str) -> None:
    """Lock the account's quota first, so that two requests do not both take the last place. Raises TooManyDataServices."""
    if len(await services.list_of(application.id)) >= MAX_SERVICES:
        raise TooManyDataServices.of(application.name, MAX_SERVICES)
    await require_shared_room(services, application, kind, plan)


async def require_shared_room(services: DataServices, application: Application, kind: ServiceKind, plan: str) -> None:
    """Whether the account may have another database on the shared server, if the plan's are there. Raises TooManyDataServices."""
    is_shared = kind is ServiceKind.POSTGRES and not PLANS[kind][plan].is_dedicated
    if is_shared and await services.count_databases_of_account(application.user_id) >= MAX_DATABASES:
        raise TooManyDataServices.of_account(MAX_DATABASES)
