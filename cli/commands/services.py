"""Data services of an application: databases that Capsule creates, and servers elsewhere."""

from typing import Annotated

import typer

from cli.client import Json, segment
from cli.commands import service_backups, service_tunnels
from cli.commands.operations import UNCHANGED_SECONDS
from cli.commands.service_lookup import Name, NoWait, service_path, services_path
from cli.completion import environment_names
from cli.declaration import command, subcommands
from cli.failures import Failure, UsageError
from cli.operation_events import OperationEvents, operation_path
from cli.options import App
from cli.prompts import ask_service_url
from cli.render import services as render
from cli.session import Session

KINDS = ("postgres", "redis")
NewName = Annotated[str, typer.Argument(metavar="NAME", help="A name for it: lower-case letters, digits and dashes.")]
Environment = Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="As in staging or production.", autocompletion=environment_names)]
NoDeploy = Annotated[bool, typer.Option("--no-deploy", help="Take effect at the next deployment.")]


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "services", "Give an application a database or a Redis.")
    command(group, "create")(create)
    command(group, "add")(add)
    command(group, "list")(list_services)
    command(group, "show")(show)
    command(group, "metrics")(metrics)
    command(group, "logs")(logs)
    command(group, "bind")(bind)
    command(group, "unbind")(unbind)
    command(group, "rotate")(rotate)
    command(group, "delete")(delete)
    command(group, "undelete")(undelete)
    service_backups.declare(group)
    service_tunnels.declare(group)


def create(
    session: Session,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="postgres or redis.")],
    name: NewName,
    app: App = None,
    plan: Annotated[str, typer.Option("--plan", metavar="TEXT", help="postgres: small, medium, large. redis: small, standard.")] = "small",
    no_wait: NoWait = False,
) -> None:
    """Create a database or a Redis.

    Bind it to an environment afterwards. Limits of a plan: capsule services show.
    """
    if kind not in KINDS:
        raise UsageError(f'There is no kind "{kind}"', f"Use {', '.join(KINDS)}.", hint="Servers elsewhere: capsule services add NAME")
    application = session.application(app)
    accepted = session.api.post(services_path(application), {"name": name, "kind": kind, "plan": plan})
    if no_wait:
        session.output.show(accepted, f"The service {name} is being created.")
        session.output.next_step(f"capsule operations follow {accepted['operationId']}")
        return
    _wait(session, accepted["operationId"])
    session.output.show(session.api.get(f"{services_path(application)}/{accepted['id']}"), f"✓ The service {name} is ready.")
    session.output.next_step(session.command(f"services bind {name} staging", application))


def add(
    session: Session,
    name: NewName,
    app: App = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="With user and password. Without it, the command prompts for it.")] = None,
    url_stdin: Annotated[bool, typer.Option("--url-stdin", help="Read the URL from standard input.")] = False,
) -> None:
    """Add a server elsewhere by its URL.

    The URL is stored as a secret. On a command line it is visible to other users of your machine.
    """
    application = session.application(app)
    body = {"name": name, "url": url or ask_service_url(from_stdin=url_stdin)}
    view = session.api.post(f"/v1/apps/{application['id']}/external-services", body)
    session.output.show(view, f"✓ The service {name} is added.")
    session.output.next_step(session.command(f"services bind {name} staging", application))


def list_services(session: Session, app: App = None) -> None:
    """List data services and where they are bound."""
    application = session.application(app)
    items = session.api.items(services_path(application))
    session.output.show(items, render.services(items))
    session.output.next_step(session.command("services show NAME" if items else "services create postgres main", application))


def show(session: Session, name: Name, app: App = None) -> None:
    """Show a data service, its limits and what it uses."""
    application = session.application(app)
    view = session.api.get(service_path(session, application, name))
    session.output.show(view, render.service(view))
    session.output.next_step(session.command(f"services bind {view['name']} staging" if not view["bindings"] else "services list", application))


def metrics(session: Session, name: Name, app: App = None) -> None:
    """Show what a data service does now.

    Counters begin when its server started.
    """
    application = session.application(app)
    view = session.api.get(f"{service_path(session, application, name)}/metrics")
    session.output.show(view, render.metrics(view))
    session.output.next_step(session.command(f"services show {name}", application))


def logs(session: Session, name: Name, app: App = None) -> None:
    """Show the last log lines of a Redis.

    Databases share a server and have no lines of their own.
    """
    application = session.application(app)
    view = session.api.get(f"{service_path(session, application, name)}/logs")
    session.output.show(view, render.log(view))
    session.output.next_step(session.command(f"services metrics {name}", application))


def bind(
    session: Session,
    name: Name,
    environment: Environment,
    app: App = None,
    variable: Annotated[str | None, typer.Option("--as", metavar="TEXT", help="The name of the secret, if not DATABASE_URL or REDIS_URL.")] = None,
    no_deploy: NoDeploy = False,
) -> None:
    """Bind a data service to an environment.

    The environment gets its URL as a secret, and what serves there is redeployed.
    """
    application = session.application(app)
    path = f"{service_path(session, application, name)}/bindings/{segment(environment)}"
    accepted = session.api.put(path, {"deploy": not no_deploy, **({"variable": variable} if variable else {})})
    session.output.show(accepted, f"✓ {name} is bound to {environment} of {application['name']}. {_redeployed(accepted)}")
    session.output.next_step(session.command("status", application))


def unbind(session: Session, name: Name, environment: Environment, app: App = None, no_deploy: NoDeploy = False) -> None:
    """Unbind a data service from an environment.

    The service and its data stay.
    """
    application = session.application(app)
    path = f"{service_path(session, application, name)}/bindings/{segment(environment)}"
    accepted = session.api.delete(path + ("?deploy=false" if no_deploy else ""))
    session.output.show(accepted, f"✓ {name} is unbound from {environment}. {_redeployed(accepted)}")
    session.output.next_step(session.command("services list", application))


def rotate(session: Session, name: Name, app: App = None, no_wait: NoWait = False) -> None:
    """Rotate the credentials of a data service.

    What is bound is restarted with the new ones. The former ones stay valid until then, and an hour longer.
    """
    application = session.application(app)
    accepted = session.api.post(f"{service_path(session, application, name)}/rotate")
    if not no_wait:
        _wait(session, accepted["operationId"])
    restarted = f" {', '.join(accepted['environments'])} restarted with them." if accepted["environments"] else ""
    session.output.show(accepted, f"{name} gets new credentials.{restarted}" if no_wait else f"✓ {name} has new credentials.{restarted}")
    session.output.next_step(session.command("status", application))


def delete(session: Session, name: Name, app: App = None) -> None:
    """Delete a data service that is bound to nothing.

    A database keeps its data for 7 days, in which it can be restored.
    """
    application = session.application(app)
    view = session.api.delete(service_path(session, application, name))
    session.output.show(view, render.deletion(view))
    session.output.next_step(session.command(f"services undelete {name}" if view["kind"] != "external" else "services list", application))


def undelete(session: Session, name: Name, app: App = None) -> None:
    """Restore a deleted data service.

    Bind it again afterwards.
    """
    application = session.application(app)
    view = session.api.post(f"{service_path(session, application, name)}/undelete")
    session.output.show(view, f"✓ {name} is restored with its data.")
    session.output.next_step(session.command(f"services bind {name} staging", application))


def _redeployed(accepted: Json) -> str:
    return "It is being redeployed." if accepted["deployments"] else "It takes effect at the next deployment."


def _wait(session: Session, operation_id: str) -> None:
    """Wait until the operation has ended. Raises Failure if it failed."""
    path = operation_path(operation_id)
    with OperationEvents(session.api, operation_id) as events:
        while (view := session.api.get(path))["state"] == "running":
            events.wait(UNCHANGED_SECONDS)
    if view["problem"] is not None:
        raise Failure(view["problem"]["title"], view["problem"]["detail"])
