"""Volumes of an application: files that outlive its releases."""

from typing import Annotated

import typer

from cli.client import Json, segment
from cli.commands.operations import UNCHANGED_SECONDS
from cli.completion import environment_names, volume_rules
from cli.declaration import command, subcommands
from cli.failures import Failure
from cli.lookup import resolve_ending, resolve_name
from cli.operation_events import OperationEvents, operation_path
from cli.options import App
from cli.render import volumes as render
from cli.session import Session
from cli.sizes import parse_mib

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the volume: capsule volumes list", autocompletion=volume_rules)]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="A name for it: lower-case letters, digits and dashes.")]
Environment = Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="As in staging or production.", autocompletion=environment_names)]
Size = Annotated[str, typer.Option("--size", metavar="SIZE", help="As in 512MB or 1GB.")]
Snapshot = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its id, or the end of it: capsule volumes snapshots")]
NoDeploy = Annotated[bool, typer.Option("--no-deploy", help="Take effect at the next deployment.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return when it is accepted.")]


def declare(app: typer.Typer) -> None:
    group = subcommands(app, "volumes", "Keep files of an application.")
    command(group, "create")(create)
    command(group, "list")(list_volumes)
    command(group, "show")(show)
    command(group, "attach")(attach)
    command(group, "detach")(detach)
    command(group, "resize")(resize)
    command(group, "snapshot")(snapshot)
    command(group, "snapshots")(snapshots)
    command(group, "delete-snapshot")(delete_snapshot)
    command(group, "restore")(restore)
    command(group, "delete")(delete)
    command(group, "undelete")(undelete)


def create(session: Session, name: NewName, size: Size = "1GB", app: App = None, no_wait: NoWait = False) -> None:
    """Create a volume.

    Attach it to an environment afterwards.
    """
    application = session.application(app)
    accepted = session.api.post(_base(application), {"name": name, "sizeMib": parse_mib(size)})
    if _waits(session, accepted, no_wait, f"The volume {name} is being created."):
        session.output.show(session.api.get(f"{_base(application)}/{accepted['id']}"), f"✓ The volume {name} is ready.")
        session.output.next_step(session.command(f"volumes attach {name} staging --at /app/media", application))


def list_volumes(session: Session, app: App = None) -> None:
    """List volumes and where they are attached."""
    application = session.application(app)
    items = session.api.items(_base(application))
    session.output.show(items, render.volumes(items))
    session.output.next_step(session.command("volumes show NAME" if items else "volumes create uploads --size 1GB", application))


def show(session: Session, name: Name, app: App = None) -> None:
    """Show a volume and how full it is."""
    application = session.application(app)
    view = session.api.get(_path(session, application, name))
    session.output.show(view, render.volume(view))
    following = "volumes snapshot" if view["environment"] else "volumes attach"
    session.output.next_step(
        session.command(f"{following} {view['name']}" + ("" if view["environment"] else " staging --at /app/media"), application)
    )


def attach(
    session: Session,
    name: Name,
    environment: Environment,
    at: Annotated[str, typer.Option("--at", metavar="PATH", help="Where its files are, as in /app/media.")],
    app: App = None,
    process: Annotated[
        list[str] | None, typer.Option("--process", metavar="TYPE", help="web, worker …, run or cron; repeat it. Without it, all of them.")
    ] = None,
    no_deploy: NoDeploy = False,
) -> None:
    """Attach a volume to an environment.

    Its processes have the files at the path, and what serves there is redeployed.
    """
    application = session.application(app)
    body = {"environment": environment, "mountPath": at, "processes": process or [], "deploy": not no_deploy}
    accepted = session.api.put(f"{_path(session, application, name)}/attachment", body)
    session.output.show(accepted, f"✓ {environment} of {application['name']} has {name} at {at}. {_redeployed(accepted)}")
    session.output.next_step(session.command("status", application))


def detach(session: Session, name: Name, app: App = None, no_deploy: NoDeploy = False) -> None:
    """Detach a volume from its environment.

    The volume and its files stay.
    """
    application = session.application(app)
    accepted = session.api.delete(f"{_path(session, application, name)}/attachment" + ("?deploy=false" if no_deploy else ""))
    session.output.show(accepted, f"✓ {name} is detached. {_redeployed(accepted)}")
    session.output.next_step(session.command("volumes list", application))


def resize(session: Session, name: Name, size: Size, app: App = None, no_wait: NoWait = False) -> None:
    """Let a volume grow.

    Volumes never shrink.
    """
    application = session.application(app)
    accepted = session.api.post(f"{_path(session, application, name)}/resize", {"sizeMib": parse_mib(size)})
    if _waits(session, accepted, no_wait, f"{name} grows."):
        session.output.show(accepted, f"✓ {name} has {size}.")
        session.output.next_step(session.command(f"volumes show {name}", application))


def snapshot(session: Session, name: Name, app: App = None, no_wait: NoWait = False) -> None:
    """Take a snapshot of a volume.

    Writers wait while it is made.
    """
    application = session.application(app)
    accepted = session.api.post(f"{_path(session, application, name)}/snapshots")
    if _waits(session, accepted, no_wait, "The snapshot is being made."):
        session.output.show(accepted, f"✓ The snapshot {accepted['id']} of {name} is complete.")
        session.output.next_step(session.command(f"volumes restore {name} --snapshot {accepted['id']}", application))


def snapshots(session: Session, name: Name, app: App = None) -> None:
    """List the snapshots of a volume."""
    application = session.application(app)
    items = session.api.items(f"{_path(session, application, name)}/snapshots")
    session.output.show(items, render.snapshots(items))
    session.output.next_step(session.command(f"volumes restore {name} --snapshot SNAPSHOT" if items else f"volumes snapshot {name}", application))


def delete_snapshot(session: Session, name: Name, snapshot: Snapshot, app: App = None) -> None:
    """Delete a snapshot of a volume."""
    application = session.application(app)
    path = _path(session, application, name)
    view = session.api.delete(f"{path}/snapshots/{segment(_snapshot_id(session, path, snapshot))}")
    session.output.show(view, f"✓ The snapshot {view['id']} is deleted.")
    session.output.next_step(session.command(f"volumes snapshots {name}", application))


def restore(
    session: Session,
    name: Name,
    snapshot: Annotated[str, typer.Option("--snapshot", metavar="SNAPSHOT", help="Its id, or the end of it.")],
    app: App = None,
    into: Annotated[str | None, typer.Option("--into", metavar="NAME", help="A new volume, beside the present one.")] = None,
    no_wait: NoWait = False,
) -> None:
    """Restore a volume to a snapshot.

    What has it is restarted, and what was written since is gone. With --into, a new volume has the files.
    """
    application = session.application(app)
    path = _path(session, application, name)
    body = {"snapshotId": _snapshot_id(session, path, snapshot)} | ({"into": into} if into else {})
    accepted = session.api.post(f"{path}/restore", body)
    if _waits(session, accepted, no_wait, f"{accepted['name']} is being restored."):
        session.output.show(accepted, f"✓ {accepted['name']} has the files of the snapshot.")
        following = f"volumes attach {into} staging --at /app/media" if into else "status"
        session.output.next_step(session.command(following, application))


def delete(session: Session, name: Name, app: App = None) -> None:
    """Delete a volume that is attached to nothing.

    Its files are kept for 7 days, in which it can be restored.
    """
    application = session.application(app)
    view = session.api.delete(_path(session, application, name))
    session.output.show(view, render.deletion(view))
    session.output.next_step(session.command(f"volumes undelete {name}", application))


def undelete(session: Session, name: Name, app: App = None) -> None:
    """Restore a deleted volume.

    Attach it again afterwards.
    """
    application = session.application(app)
    view = session.api.post(f"{_path(session, application, name)}/undelete")
    session.output.show(view, f"✓ {name} is restored with its files.")
    session.output.next_step(session.command(f"volumes attach {name} staging --at /app/media", application))


def _base(application: Json) -> str:
    return f"/v1/apps/{application['id']}/volumes"


def _path(session: Session, application: Json, name: str) -> str:
    """Return the path of a volume by its name or id. Raises NotFound."""
    path, hint = _base(application), session.command("volumes list", application)
    return f"{path}/{resolve_name('volume', name, application['name'], lambda: session.api.items(path), hint=hint)}"


def _snapshot_id(session: Session, path: str, text: str) -> str:
    """Return the id of a snapshot by its id or the end of it. Raises NotFound."""

    def list_ids() -> list[str]:
        return [each["id"] for each in session.api.items(f"{path}/snapshots")]

    return resolve_ending("snapshot", text, list_ids, hint="capsule volumes snapshots NAME")


def _redeployed(accepted: Json) -> str:
    return "It is being redeployed." if accepted["deployments"] else "It takes effect at the next deployment."


def _waits(session: Session, accepted: Json, no_wait: bool, text: str) -> bool:
    """Wait until the operation has ended, and return True; without waiting, say how to follow it. Raises Failure if it failed."""
    if no_wait:
        session.output.show(accepted, text)
        session.output.next_step(f"capsule operations follow {accepted['operationId']}")
        return False
    path = operation_path(accepted["operationId"])
    with OperationEvents(session.api, accepted["operationId"]) as events:
        while (view := session.api.get(path))["state"] == "running":
            events.wait(UNCHANGED_SECONDS)
    if view["problem"] is not None:
        raise Failure(view["problem"]["title"], view["problem"]["detail"])
    return True
