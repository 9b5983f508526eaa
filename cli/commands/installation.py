"""How the installation does, for administrators: health, where functions run, queues. Needs the role admin, except health."""

from typing import Annotated

import typer

from cli.client import Json
from cli.declaration import command
from cli.failures import ApiError, ExitCode
from cli.render import installation as render
from cli.session import Session

FUNCTIONS, METRICS, QUEUES = "/v1/functions/instances", "/v1/functions/metrics", "/v1/queues"
Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="Only of this context: auth, billing, deploy or monitor.")]
All = Annotated[bool, typer.Option("--all", help="Also what does nothing: functions at zero, empty queues.")]


def declare_installation(admin: typer.Typer) -> None:
    command(admin, "health")(health)
    command(admin, "functions")(functions)
    command(admin, "queues")(queues)


def health(session: Session) -> None:
    """Show contexts, outboxes and gateway circuits.

    The circuits are those of the gateway that answers; several gateways have circuits of their own.
    """
    document = _health(session)
    session.output.show(document, *render.health(document))
    session.output.next_step("capsule admin functions", "capsule admin queues")
    if document["status"] == "unhealthy":
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _health(session: Session) -> Json:
    """An unhealthy installation answers 503 with the same document, at once."""
    try:
        return session.client(max_attempts=1).get("/health", fresh="true")
    except ApiError as error:
        if "services" not in error.problem:
            raise
        return error.problem


def functions(session: Session, context: Context = None, all: All = False) -> None:
    """Show where functions run, and how they did.

    Executions and failures are those of the last hour; queries that simply succeed are not counted.
    """
    instances = session.api.get(FUNCTIONS)
    metrics = session.api.get(METRICS, context=context)
    services = [each for each in instances["services"] if context in (None, each["context"])]
    document: Json = {**instances, "services": services, "metrics": metrics["functions"]}
    session.output.show(document, *render.functions(document, is_complete=all))
    session.output.next_step("capsule admin queues")


def queues(session: Session, all: All = False) -> None:
    """Show messages and consumers of RabbitMQ's queues."""
    view = session.api.get(QUEUES)
    session.output.show(view, *render.queues(view, is_complete=all))
    if view["stuck"]:
        session.output.next_step("capsule admin functions")
