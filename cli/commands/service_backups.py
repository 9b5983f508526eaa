"""Backups of data services: made by hand and by schedule, listed, restored and deleted."""

import time
from typing import Annotated

import typer

from cli.client import Json
from cli.commands.service_lookup import Name, NoWait, service_path
from cli.declaration import command
from cli.failures import Failure
from cli.lookup import resolve_ending
from cli.options import App
from cli.prompts import confirm
from cli.render import service_backups as render
from cli.session import Session

POLL_SECONDS = 1.0
NO_SCHEDULE = "none"

Backup = Annotated[str, typer.Argument(metavar="BACKUP", help="Its id, or the end of it: capsule services backups")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def declare(group: typer.Typer) -> None:
    command(group, "backup")(backup)
    command(group, "backups")(backups)
    command(group, "show-backup")(show_backup)
    command(group, "delete-backup")(delete_backup)
    command(group, "backup-policy")(backup_policy)
    command(group, "restore")(restore)


def backup(session: Session, name: Name, app: App = None, no_wait: NoWait = False) -> None:
    """Back up a data service.

    It is encrypted, stored outside of the server, and verified by restoring a copy.
    """
    application = session.application(app)
    path = service_path(session, application, name)
    view = session.api.post(f"{path}/backups")
    while not no_wait and view["state"] == "running":
        time.sleep(POLL_SECONDS)
        view = session.api.get(f"{path}/backups/{view['id']}")
    if view["state"] == "failed":
        raise Failure("The backup failed", view["error"])
    session.output.show(view, f"The backup {view['id']} is being made." if no_wait else f"✓ The backup {view['id']} of {name} is complete.")
    session.output.next_step(session.command(f"services backups {name}", application))


def backups(session: Session, name: Name, app: App = None) -> None:
    """List the backups of a data service."""
    application = session.application(app)
    items = session.api.items(f"{service_path(session, application, name)}/backups")
    session.output.show(items, render.backups(items))
    session.output.next_step(session.command(f"services restore {name} --backup BACKUP" if items else f"services backup {name}", application))


def show_backup(session: Session, name: Name, backup: Backup, app: App = None) -> None:
    """Show a backup, and whether it was verified."""
    application = session.application(app)
    path = service_path(session, application, name)
    view = session.api.get(f"{path}/backups/{_backup_id(session, path, backup)}")
    session.output.show(view, render.backup(view))
    session.output.next_step(session.command(f"services restore {name} --backup {view['id']}", application))


def delete_backup(session: Session, name: Name, backup: Backup, app: App = None, yes: Yes = False) -> None:
    """Delete a backup of a data service.

    This is final.
    """
    application = session.application(app)
    path = service_path(session, application, name)
    backup_id = _backup_id(session, path, backup)
    confirm("Delete a backup of it for good: are you sure of", name, yes=yes)
    view = session.api.delete(f"{path}/backups/{backup_id}")
    session.output.show(view, f"✓ The backup {backup_id} is deleted.")
    session.output.next_step(session.command(f"services backups {name}", application))


def backup_policy(
    session: Session,
    name: Name,
    app: App = None,
    schedule: Annotated[str | None, typer.Option("--schedule", metavar="CRON", help='As in "0 3 * * *" (UTC), or none.')] = None,
    keep: Annotated[int | None, typer.Option("--keep", metavar="N", help="How many are kept.")] = None,
    days: Annotated[int | None, typer.Option("--days", metavar="N", help="How long they are kept.")] = None,
) -> None:
    """Show or set when backups are made and kept.

    Older ones are deleted after a new one is complete. The newest is always kept.
    """
    application = session.application(app)
    path = service_path(session, application, name)
    view = session.api.get(f"{path}/backup-policy")
    if schedule is not None or keep is not None or days is not None:
        changed = view["schedule"] if schedule is None else None if schedule == NO_SCHEDULE else schedule
        kept = {"keepCount": view["keepCount"] if keep is None else keep, "keepDays": view["keepDays"] if days is None else days}
        view = session.api.put(f"{path}/backup-policy", {"schedule": changed} | kept)
    session.output.show(view, render.policy(view))
    session.output.next_step(session.command(f"services backups {name}", application))


def restore(
    session: Session,
    name: Name,
    backup: Annotated[str, typer.Option("--backup", metavar="BACKUP", help="Its id, or the end of it.")],
    app: App = None,
    into: Annotated[str | None, typer.Option("--into", metavar="NAME", help="A new service, beside the present one.")] = None,
    yes: Yes = False,
    no_wait: NoWait = False,
) -> None:
    """Restore a backup of a data service.

    What it has now is backed up first, then replaced: all or nothing. With --into, a new service has the data.
    """
    application = session.application(app)
    path = service_path(session, application, name)
    backup_id = _backup_id(session, path, backup)
    if into is None:
        confirm(f"Replace what {name} has now by the backup {backup_id}: do you restore", name, yes=yes)
    accepted = session.api.post(f"{path}/restores", {"backupId": backup_id} | ({"into": into} if into else {}))
    target = into or name
    view: Json = accepted
    while not no_wait and view["finishedAt"] is None:
        time.sleep(POLL_SECONDS)
        base = path.rpartition("/")[0]
        restores = session.api.get(f"{base}/{accepted['serviceId']}/backup-policy")["restores"]
        view = next(each for each in restores if each["id"] == accepted["id"])
    if view["state"] == "failed":
        raise Failure("The restore failed, and nothing was replaced", view["error"])
    safety = f" What it had before: the backup {view['safetyBackupId']}." if view["safetyBackupId"] else ""
    session.output.show(view, f"{target} is being restored." if no_wait else f"✓ {target} has the data of the backup.{safety}")
    session.output.next_step(session.command(f"services bind {into} staging" if into else f"services show {name}", application))


def _backup_id(session: Session, path: str, text: str) -> str:
    """Return the id of a backup by its id or the end of it. Raises NotFound."""

    def list_ids() -> list[str]:
        return [each["id"] for each in session.api.items(f"{path}/backups")]

    return resolve_ending("backup", text, list_ids, hint="capsule services backups NAME")
