"""How commands find a data service, and the parameters that they share."""

from typing import Annotated

import typer

from cli.client import Json
from cli.completion import data_service_names
from cli.lookup import resolve_name
from cli.session import Session

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the service: capsule services list", autocompletion=data_service_names)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return when it is accepted.")]


def services_path(application: Json) -> str:
    return f"/v1/apps/{application['id']}/services"


def service_path(session: Session, application: Json, name: str) -> str:
    """Return the path of a service by its name or id. Raises NotFound."""
    path = services_path(application)
    hint = session.command("services list", application)
    return f"{path}/{resolve_name('data service', name, application['name'], lambda: session.api.items(path), hint=hint)}"
