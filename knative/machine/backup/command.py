"""The tasks `backup` and `restore` of `./taskw`."""

import sys
from argparse import Namespace

from rich.console import Console

from functions.wire.backups import BackupStore
from knative.machine.backup import destination
from knative.machine.backup.create import backup
from knative.machine.backup.destination import COLLECTION
from knative.machine.backup.restore import restore
from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.progress import Progress
from knative.machine.variables import BACKUP_KEEP


def run_backup(home: Home, options: Namespace, progress: Progress, console: Console) -> None:
    """Raises: Problem, InvalidSetting."""
    if options.show_key:
        key = destination.keys(home).current
        console.print(key.text, soft_wrap=True)
        print("Keep this key outside of this machine: without it no backup can be restored.", file=sys.stderr)
    elif options.list:
        _print_list(destination.open_store(home, options.target), console)
    elif options.verify:
        store = destination.open_store(home, options.target)
        manifest = store.get(COLLECTION, store.list_ids(COLLECTION)[-1] if options.verify == "newest" else options.verify)
        with progress.step("Verify") as step:
            store.verify(manifest)
            step.detail = f"{manifest.id}: {len(manifest.parts)} parts are whole"
    elif options.delete:
        store = destination.open_store(home, options.target)
        store.get(COLLECTION, options.delete)
        store.delete(COLLECTION, options.delete)
        console.print(f"Deleted {options.delete}.")
    else:
        keep = BACKUP_KEEP.read(home.environment) if options.keep is None else options.keep
        if keep < 0:
            raise Problem(f"--keep {keep} is negative.", "Use 0 to keep all backups.")
        backup(home, progress, options.target, keep=keep)


def run_restore(home: Home, options: Namespace, progress: Progress) -> None:
    """Raises: Problem."""
    typed = sys.stdin.readline().strip() if options.key_stdin else ""
    restore(home, progress, options.source, destination.given_keys(home, typed), options.id, is_forced=options.force)
    progress.print("Start it: ./taskw up. Keep the former machine stopped: both would bill, mail and deploy.")


def _print_list(store: BackupStore, console: Console) -> None:
    ids = store.list_ids(COLLECTION)
    for each in ids:
        manifest = store.get(COLLECTION, each)
        lost = f", {manifest.metadata['inFlight']} messages on their way" if manifest.metadata["inFlight"] else ""
        size = f"{manifest.stored_bytes / 2**20:8.1f} MiB"
        line = f"{manifest.id}  {manifest.created_at:%Y-%m-%d %H:%M} UTC  {size}  Capsule {manifest.metadata['capsule']}{lost}"
        console.print(line, soft_wrap=True)
    if not ids:
        console.print("There are no backups.")
