"""Domains of an application: their DNS records, their checks and their certificates."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Json, segment
from cli.completion import domain_hosts
from cli.declaration import command, subcommands
from cli.failures import Failure, UsageError
from cli.options import App, Env, EnvFilter
from cli.prompts import confirm
from cli.render import domains as render
from cli.session import Session

CHECK_SECONDS, POLL_SECONDS = 20.0, 0.5
"""How long `check` waits for the answer of the resolver."""
OFF = "off"

Host = Annotated[str, typer.Argument(metavar="DOMAIN", help="As in shop.example.com: capsule domains list", autocompletion=domain_hosts)]


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "domains", "Serve an application at domains of your own.")
    command(group, "add")(add)
    command(group, "list")(list_domains)
    command(group, "show")(show)
    command(group, "check")(check)
    command(group, "set")(set_options)
    command(group, "certificate")(certificate)
    command(group, "remove")(remove)


def add(
    session: Session,
    host: Annotated[str, typer.Argument(metavar="DOMAIN", help="As in shop.example.com.")],
    app: App = None,
    env: Env = None,
) -> None:
    """Add a domain and print its DNS records.

    It is served once a record proves that it is yours, and gets a certificate then. Capsule checks by itself; capsule domains check asks now.
    """
    application, name = session.application(app), session.environment(env)
    added = session.api.post(f"/v1/apps/{application['id']}/environments/{segment(name)}/domains", {"host": host})
    session.output.show(added, render.added(added))
    session.output.next_step(session.command(f"domains check {added['host']}", application))


def list_domains(session: Session, app: App = None, env: EnvFilter = None) -> None:
    """List domains and their certificates."""
    application = session.application(app)
    items = session.api.items(f"/v1/apps/{application['id']}/domains", environment=env)
    session.output.show(items, render.domains(items))
    session.output.next_step(session.command("domains show DOMAIN" if items else "domains add shop.example.com", application))


def show(session: Session, host: Host, app: App = None) -> None:
    """Show a domain, its records and its certificate."""
    view = session.api.get(_path(session.application(app), host))
    session.output.show(view, render.domain(view))


def check(session: Session, host: Host, app: App = None) -> None:
    """Check the DNS records of a domain now.

    Exits with 1 if something is missing.
    """
    application = session.application(app)
    path = _path(application, host)
    before = session.api.post(f"{path}/checks")
    deadline = time.monotonic() + CHECK_SECONDS
    while (view := session.api.get(path))["checkedAt"] == before["checkedAt"]:
        if time.monotonic() > deadline:
            raise Failure("The check has not ended yet", hint=session.command(f"domains show {host}", application))
        time.sleep(POLL_SECONDS)
    session.output.show(view, render.domain(view))
    if view["problem"]:
        raise Failure(view["problem"], hint=session.command(f"domains check {view['host']}", application))


def set_options(
    session: Session,
    host: Host,
    app: App = None,
    redirect: Annotated[bool | None, typer.Option("--redirect/--no-redirect", help="Lead plain HTTP to HTTPS (default: yes).")] = None,
    hsts: Annotated[
        str | None, typer.Option("--hsts", metavar="SECONDS", help="Browsers use HTTPS only, for so long: 31536000 is a year; off.")
    ] = None,
) -> None:
    """Change the redirect to HTTPS and HSTS."""
    body: dict[str, object] = {} if redirect is None else {"redirects": redirect}
    if hsts is not None:
        if hsts != OFF and not hsts.isdigit():
            raise UsageError(f'"{hsts}" is no number of seconds', "Use a number such as 31536000, or off.")
        body["hstsSeconds"] = None if hsts == OFF else int(hsts)
    if not body:
        raise UsageError("Nothing to change", hint="capsule domains set DOMAIN --hsts 31536000")
    view = session.api.patch(_path(session.application(app), host), body)
    session.output.show(view, render.domain(view))


def certificate(
    session: Session,
    host: Host,
    app: App = None,
    cert: Annotated[Path | None, typer.Option("--cert", metavar="FILE", help="PEM, with its chain.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="PEM, no passphrase.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it: the installation orders one.")] = False,
) -> None:
    """Use a certificate of your own for a domain.

    It is used at once. Capsule does not renew it: upload the next one before it expires.
    """
    path = f"{_path(session.application(app), host)}/certificate"
    if delete:
        if cert or key:
            raise UsageError("--delete needs no files")
        view = session.api.delete(path)
    elif cert is None or key is None:
        raise UsageError("A certificate needs its key", hint=f"capsule domains certificate {host} --cert FILE --key FILE")
    else:
        view = session.api.put(path, {"certificate": _read(cert), "key": _read(key)})
    session.output.show(view, render.domain(view))


def remove(session: Session, host: Host, app: App = None, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove a domain with its certificate."""
    application = session.application(app)
    confirm("Remove", host, yes=yes)
    view = session.api.delete(_path(application, host))
    session.output.show(view, f"✓ {view['host']} is removed. Delete its DNS records, so that nobody reaches a name without a server.")


def _read(path: Path) -> str:
    """Raises UsageError."""
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not in PEM format", hint=f"openssl x509 -inform der -in {path}") from error


def _path(application: Json, host: str) -> str:
    return f"/v1/apps/{application['id']}/domains/{segment(host.lower())}"
