"""Rejections of data services. The docstring of each is the title of its problem document (RFC 9457)."""

from typing import Self
from uuid import UUID

from functions.deploy.domain.rejections import InvalidFields
from functions.kernel import Conflict, FieldError, NotFound


class InvalidDataService(InvalidFields):
    """Invalid data service."""


class DataServiceNotFound(NotFound):
    """Data service not found."""

    @classmethod
    def of(cls, service_id: UUID) -> Self:
        return cls(f"This application has no data service {service_id}. List them: capsule services list")


class DataServiceNameTaken(Conflict):
    """The application has a data service of this name. Choose another."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(
            f'This application has a data service "{name}", or has deleted one whose grace period has not ended. Choose another name.',
            errors=[FieldError("/name", "is taken")],
        )


class DataServiceNotReady(Conflict):
    """The data service is not ready."""

    @classmethod
    def of(cls, name: str, state: str) -> Self:
        remedy = {
            "creating": "Wait until it is ready.",
            "failed": "Delete it and create it again.",
            "deleted": f"Restore it first: capsule services undelete {name}",
        }.get(state, "Its data are deleted.")
        return cls(f"{name} is {state}. {remedy}")


class DataServiceNotDeleted(Conflict):
    """The data service is not deleted, or its grace period has ended."""

    @classmethod
    def of(cls, name: str, state: str) -> Self:
        detail = "The grace period has ended, and its data are being deleted." if state in ("purging", "purged", "deleted") else f"It is {state}."
        return cls(f"{name} cannot be restored. {detail}")


class DataServiceIsBound(Conflict):
    """The data service is bound to an environment. Unbind it first."""

    @classmethod
    def of(cls, name: str, environments: list[str]) -> Self:
        commands = ", ".join(f"capsule services unbind {name} {each}" for each in environments)
        return cls(f"{name} is bound to {', '.join(environments)}. Unbind it first: {commands}")


class DataServiceNotBound(Conflict):
    """The data service is not bound to this environment."""

    @classmethod
    def of(cls, name: str, environment: str) -> Self:
        return cls(f"{name} is not bound to {environment}.")


class VariableInUse(Conflict):
    """The environment has a value of this name already. Unset it first, or bind under another name."""

    @classmethod
    def of(cls, variable: str, environment: str) -> Self:
        return cls(
            f"{environment} has a value of {variable} already. Unset it first, or bind under another name: --as NAME",
            errors=[FieldError("/variable", "is set already")],
        )


class TooManyDataServices(Conflict):
    """The application or the account has as many data services as it may have. Delete one first."""

    @classmethod
    def of(cls, application: str, limit: int) -> Self:
        return cls(f"{application} has {limit} data services, the most it may have, including deleted ones in their grace period.")

    @classmethod
    def of_account(cls, limit: int) -> Self:
        return cls(f"Your applications have {limit} databases, the most an account may have, including deleted ones in their grace period.")


class DataServicePlanIsFixed(Conflict):
    """A server that a cluster runs keeps the plan with which it was created."""

    @classmethod
    def of(cls, name: str, kind: str, plan: str) -> Self:
        return cls(
            f"{name} cannot move to the plan {plan}: a server that a cluster runs keeps its plan. Create another data service, copy the data, "
            f"and bind it: capsule services create {kind} NAME --plan {plan}",
            errors=[FieldError("/plan", "cannot be changed")],
        )


class DataServicesUnavailable(Conflict):
    """This installation creates no services of this kind. Add one by its URL: `capsule services add NAME --url URL`.

    An operator names a PostgreSQL server for applications with CAPSULE_SERVICES_POSTGRES_URL and
    CAPSULE_SERVICES_POSTGRES_ADDRESS, for example one of CloudNativePG. Servers for one service need CloudNativePG and
    CAPSULE_SERVICES_POSTGRES_IMAGE, Redis services on a cluster CAPSULE_SERVICES_REDIS_IMAGE.
    """

    @classmethod
    def of(cls, kind: str) -> Self:
        return cls(f"This installation creates no {kind} services. Add a server elsewhere by its URL: capsule services add NAME --url URL")

    @classmethod
    def of_plan(cls, plan: str, others: list[str]) -> Self:
        return cls(
            f"This installation has no dedicated database servers, which the plan {plan} needs. Choose {' or '.join(others)}, "
            "or add a server elsewhere by its URL: capsule services add NAME --url URL",
            errors=[FieldError("/plan", "is not available here")],
        )
