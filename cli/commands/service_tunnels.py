"""Shells and tunnels to data services, with programs of this machine."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import quote

import typer
from rich.text import Text

from cli.client import Json
from cli.commands.service_lookup import Name, service_path
from cli.declaration import command
from cli.failures import ExitCode, Failure
from cli.options import App
from cli.session import Session

SCHEMES = {"postgres": "postgresql", "redis": "redis"}
PROGRAMS = {"postgres": ("psql",), "redis": ("valkey-cli", "redis-cli")}
"""Kind → the programs that are looked for, the preferred one first."""
PACKAGES = {
    "postgres": "apt install postgresql-client, dnf install postgresql, or: brew install libpq",
    "redis": "apt install redis-tools, dnf install valkey, or: brew install redis",
}
LIBPQ_PREFIX = "PG"
KEPT = frozenset({"PGCLIENTENCODING", "PGDATESTYLE", "PGTZ", "PGOPTIONS"})
"""Variables of libpq that name no server and no credentials."""


def declare(group: typer.Typer) -> None:
    command(group, "shell")(shell)
    command(group, "tunnel")(tunnel)


def shell(
    session: Session,
    name: Name,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGUMENT", help="For psql or redis-cli, behind `--`.")] = None,
    app: App = None,
) -> None:
    """Open psql or redis-cli on a data service.

    The program is that of your machine, and ends with its own exit code. Its connection passes through Capsule, and counts as one of the
    application's.
    """
    from cli.tunnel import Tunnel  # its WebSocket library is slow to import, and no other command needs it

    application = session.application(app)
    path = service_path(session, application, name)
    kind = session.api.get(path)["kind"]
    program = _program(session, application, name, kind) if kind in PROGRAMS else ""  # the API refuses what has no shell
    with Tunnel(lambda: session.api.post(f"{path}/tunnels"), session.ca_file, session.output.note) as opened:
        options, variables = client_of(kind, opened.grant, opened.port)
        code = _run([program, *options, *(arguments or [])], variables)
    raise typer.Exit(code)


def tunnel(
    session: Session,
    name: Name,
    app: App = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="Of this machine. Default: a free one.")] = 0,
    show_password: Annotated[bool, typer.Option("--show-password", help="Print the URL with its password.")] = False,
) -> None:
    """Forward a local port to a data service.

    It listens on 127.0.0.1 until you end it, or your session ends.
    """
    from cli.tunnel import LOOPBACK, Tunnel  # as above

    application = session.application(app)
    path = service_path(session, application, name)
    with Tunnel(lambda: session.api.post(f"{path}/tunnels"), session.ca_file, session.output.note, port) as opened:
        grant = opened.grant
        address = f"{LOOPBACK}:{opened.port}"
        url = url_of(grant, address, with_password=show_password)
        document = {"host": LOOPBACK, "port": opened.port, "kind": grant["kind"], "user": grant["user"], "database": grant["database"], "url": url}
        session.output.line(document, Text(url))
        session.output.note(f"Connections to {address} reach {name} of {application['name']}. Ctrl-C ends the tunnel.")
        if not show_password:
            shell_command = session.command(f"services shell {name}", application)
            session.output.note(f"The URL has no password: print it with --show-password, or use: {shell_command}")
        opened.closed.wait()
    assert opened.failure is not None
    raise opened.failure


def url_of(grant: Json, address: str, *, with_password: bool) -> str:
    credentials = quote(grant["user"]) + (f":{quote(grant['password'])}" if with_password else "")
    return f"{SCHEMES[grant['kind']]}://{credentials}@{address}/{grant['database']}"


def client_of(kind: str, grant: Json, port: int) -> tuple[list[str], Mapping[str, str]]:
    """Return the options of the client program, and its variables, which have the password: other users see command lines."""
    if kind == "redis":
        variables = {"REDISCLI_AUTH": grant["password"], "VALKEYCLI_AUTH": grant["password"]}
        return ["-h", "127.0.0.1", "-p", str(port), "--user", grant["user"], "--no-auth-warning"], {**os.environ, **variables}
    others = {key: value for key, value in os.environ.items() if not key.startswith(LIBPQ_PREFIX) or key in KEPT}
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": grant["user"], "PGPASSWORD": grant["password"], "PGDATABASE": grant["database"]}
    return [], {**others, **server, "PGAPPNAME": "capsule services shell"}


def _program(session: Session, application: Json, name: str, kind: str) -> str:
    """Raises Failure, which says what to install."""
    for each in PROGRAMS[kind]:
        if found := shutil.which(each):
            return found
    tunnel = session.command(f"services tunnel {name}", application)
    raise Failure(
        f"{PROGRAMS[kind][-1]} is not installed on this machine",
        f"Install it: {PACKAGES[kind]}. Any other client works through: {tunnel}",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _run(words: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a program that has the terminal: Ctrl-C is for it alone. Returns its exit code, 128 + N after the signal N."""
    former = signal.signal(signal.SIGINT, lambda number, frame: None)  # a handler, unlike SIG_IGN, is not inherited
    try:
        code = subprocess.run(words, env=variables, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, former)
    return code if code >= 0 else 128 - code
