"""How commands find a data service, and the parameters that they share."""

from typing import Annotated

import typer

from cli.client import Json
from cli.completion import data_service_names
from cli.failures import NotFound
from cli.lookup import is_full_id
from cli.session import Session

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the service: capsule services list", autocompletion=data_service_names)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return when it is accepted.")]


def services_path(application: Json) -> str:
    return f"/v1/apps/{application['id']}/services"


def service_path(session: Session, application: Json, name: str) -> str:
    """Return the path of a service by its name or id. Raises NotFound."""
    if is_full_id(name):
        return f"{services_path(application)}/{name}"
    for each in session.api.items(services_path(application)):
        if each["name"] == name:
            return f"{services_path(application)}/{each['id']}"
    raise NotFound(f'{application["name"]} has no data service "{name}"', hint=session.command("services list", application))
