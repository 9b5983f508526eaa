"""Rejections of the deploy context. The docstring of each is the title of its problem document (RFC 9457)."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from functions.kernel import Conflict, FieldError, Forbidden, Invalid, NotFound, PaymentRequired


class InvalidFields(Invalid):
    """Invalid fields."""

    @classmethod
    def of(cls, errors: Sequence[FieldError]) -> Self:
        """Build a rejection whose detail has one sentence for each fault."""
        return cls(" ".join(f"{each.detail}." for each in errors), errors=errors)


class InvalidApplicationName(Invalid):
    """Invalid application name."""


class HostNameReserved(Conflict):
    """The host name is reserved for the platform. Choose another name."""


class InvalidRepository(Invalid):
    """Invalid repository URL."""


class RepositoryNotAllowed(Invalid):
    """The repository's host is not allowed. An operator can allow it with CAPSULE_REPOSITORY_HOSTS."""


class InvalidImage(Invalid):
    """Invalid image reference."""


class InvalidRef(Invalid):
    """Invalid git ref."""


class ApplicationNameTaken(Conflict):
    """The application name is taken. Choose another."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(f'The name "{name}" is taken. Choose another.', errors=[FieldError("/name", "is taken")])


class ApplicationIsDeployed(Conflict):
    """The application has been deployed: its name is part of its addresses. Create another application instead."""

    @classmethod
    def of(cls, name: str, new_name: str) -> Self:
        return cls(f"{name} has been deployed, and its name is part of its addresses: create {new_name} with the same settings, then delete {name}.")


class ApplicationIsPaused(Conflict):
    """Environments of the application are paused, since its team is restricted. Lift the restriction first: `capsule quota`."""


class ApplicationQuotaExceeded(Forbidden):
    """Application quota exceeded. Delete an application, or change to a larger plan."""

    @classmethod
    def of(cls, used: int, limit: int, plan: str) -> Self:
        return cls(f"You use {used} of {limit} applications of your {plan} plan, and ask for one more. Delete one or change your plan.")


class ApplicationNotFound(NotFound):
    """Application not found."""

    @classmethod
    def of(cls, application_id: UUID) -> Self:
        return cls(f"Application {application_id} does not exist, or you are not a member of its team.")


class TeamNotFound(NotFound):
    """Team not found."""

    @classmethod
    def of(cls, team_id: UUID) -> Self:
        return cls(f"Team {team_id} does not exist, or you are not a member of it.")


class DeploymentNotFound(NotFound):
    """Deployment not found."""

    @classmethod
    def of(cls, deployment_id: UUID) -> Self:
        return cls(f"This application has no deployment {deployment_id}.")


class DeploymentInProgress(Conflict):
    """A deployment to this environment is in progress. Wait until it ends, or cancel it."""

    @classmethod
    def of(cls, application: str, environment: str) -> Self:
        return cls(f"A deployment of {application} to {environment} is in progress. Wait until it ends, or cancel it.")


class EnvironmentNotFound(NotFound):
    """Environment not found."""

    @classmethod
    def of(cls, application: str, name: str, existing: Sequence[str]) -> Self:
        known = ", ".join(existing) or "none"
        return cls(
            f'{application} has no environment "{name}". Environments: {known}. Create it: capsule environments create {name} --app {application}'
        )


class EnvironmentIsStopped(Conflict):
    """The environment is stopped. Start it first."""

    @classmethod
    def of(cls, application: str, environment: str) -> Self:
        return cls(f"Environment {environment} of {application} is stopped. Start it first.")


class SameEnvironment(Invalid):
    """The source and the target are the same environment. Name another target.

    To return to an earlier release, roll back. To start what serves again, for example with changed variables, restart.
    """

    @classmethod
    def of(cls, name: str, pointer: str) -> Self:
        detail = f"{name} is both source and target. Name another target, or use `capsule rollback` or `capsule restart`."
        return cls(detail, errors=[FieldError(pointer, "must be another environment than `from`")])


class InvalidMaintenance(InvalidFields):
    """Invalid maintenance page."""


class EnvironmentNotStopped(Conflict):
    """The environment is not stopped."""

    @classmethod
    def of(cls, application: str, environment: str) -> Self:
        return cls(f"Environment {environment} of {application} is not stopped.")


class EnvironmentNameTaken(Conflict):
    """The environment name is taken. Choose another."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(f'This application already has an environment "{name}".', errors=[FieldError("/name", "is taken")])


class ReleaseNotFound(NotFound):
    """Release not found."""

    @classmethod
    def of(cls, number: int) -> Self:
        return cls(f"This application has no release r{number}. List its releases: capsule releases")


class NothingReleased(Conflict):
    """Nothing is released in this environment. Deploy to it first."""

    @classmethod
    def of(cls, application: str, environment: str) -> Self:
        return cls(f"Nothing is released in {environment} of {application} yet. Deploy to it first.")


class NoEarlierRelease(Conflict):
    """There is no earlier release. Deploy a working commit instead."""

    @classmethod
    def of(cls, release: int, environment: str) -> Self:
        return cls(f"r{release} is the first release in {environment}.")


class DeploymentEnded(Conflict):
    """The deployment has ended. Only a running deployment can be cancelled."""


class InvalidCommand(Invalid):
    """Invalid command."""


class RunNotFound(NotFound):
    """One-off command not found."""

    @classmethod
    def of(cls, run_id: UUID) -> Self:
        return cls(f"This application has no one-off command {run_id}.")


class OperationNotFound(NotFound):
    """Operation not found."""

    @classmethod
    def of(cls, operation_id: UUID) -> Self:
        return cls(f"There is no operation {operation_id}. The id is `operationId` of a response 202.")


class TooManyProtectedEnvironments(Conflict):
    """The application has as many protected environments as it may have. Lift the protection of one that was deleted."""

    @classmethod
    def of(cls, application: str, count: int) -> Self:
        return cls(f"{application} has {count} protected environments, the most it may have. Lift the protection of one that was deleted.")


class TooManyRuns(Conflict):
    """Too many one-off commands run at once. Wait until one ends, or cancel one."""

    @classmethod
    def of(cls, application: str, limit: int) -> Self:
        return cls(f"{limit} one-off commands of {application} run already. Wait until one ends, or cancel one.")

    @classmethod
    def of_account(cls, limit: int) -> Self:
        return cls(f"{limit} one-off commands with standard input or a terminal run already in your account. Wait until one ends, or cancel one.")


class RunIsLogged(Conflict):
    """The one-off command has no standard input and no terminal: its output is in the log."""

    @classmethod
    def of(cls, run_id: UUID) -> Self:
        return cls(f"The one-off command {run_id} runs without standard input and terminal. Read its log: capsule logs --deployment {run_id}")


class RunHasEnded(Conflict):
    """The one-off command has ended. Read its exit code instead."""

    @classmethod
    def of(cls, run_id: UUID) -> Self:
        return cls(f"The one-off command {run_id} has ended. See its result: capsule runs show {run_id}")


class TerminalsUnavailable(Conflict):
    """This installation has no address for terminals and tunnels. An operator sets CAPSULE_TERMINAL_URL.

    Until then, start commands with their output in the log: `capsule run --detach`.
    """


class TicketNotFound(NotFound):
    """The ticket is unknown, used or expired. Request another one."""


class InvalidConfiguration(InvalidFields):
    """Invalid variables or secrets."""


class InvalidAccessToken(InvalidFields):
    """Invalid access token of the repository."""


class InvalidHostKeys(InvalidFields):
    """Invalid host keys."""


class InvalidScale(InvalidFields):
    """Invalid size."""


class InvalidSettings(InvalidFields):
    """Invalid application settings."""


class OverQuota(Forbidden):
    """More is in use than your plan allows. Delete applications or environments, scale down, or change to a larger plan.

    After a change to a smaller plan nothing new starts until the use is within the limits. When the grace period is over,
    the newest environments are paused.
    """


class UsageExhausted(Forbidden):
    """All that your plan includes in this period is used. Change to a larger plan, or wait for the next period.

    Nothing new starts until then. When the grace period is over, what runs is paused.
    """


class SubscriptionSuspended(PaymentRequired):
    """Your subscription is suspended. Pay the overdue invoice.

    Nothing new starts while an invoice is overdue. When the grace period is over, what runs is paused.
    """


class EnvironmentIsPaused(Conflict):
    """The environment is paused, since your account is restricted. It runs again when the restriction ends."""

    @classmethod
    def of(cls, application: str, environment: str, reason: str) -> Self:
        return cls(
            f"Environment {environment} of {application} is paused ({reason}). It runs again by itself when the restriction ends: capsule quota"
        )


class MemoryQuotaExceeded(Forbidden):
    """Memory quota exceeded. Scale down or delete an environment, or change to a larger plan."""

    @classmethod
    def of(cls, used_mib: int, limit_mib: int, plan: str, environment: str, requested_mib: int, reserved_mib: int) -> Self:
        """`reserved_mib`: what the environment has of `used_mib`."""
        return cls(
            f"You use {used_mib} of {limit_mib} MiB of your {plan} plan over all environments. {environment} needs {requested_mib} MiB with all its "
            f"instances and has {reserved_mib} MiB now, which makes {used_mib - reserved_mib + requested_mib} MiB. "
            "Scale an environment down or change your plan."
        )
