"""Where this installation stores backups, and with which key."""

import os
from urllib.parse import urlsplit

from functions.wire.backups import BackupKey, BackupKeys, BackupStore, InvalidBackupKey
from functions.wire.backups.address import StoreAddress
from functions.wire.backups.variables import BACKUP_KEY, BACKUP_STORE
from knative.machine import secrets
from knative.machine.home import Home
from knative.machine.problems import Problem

COLLECTION = "capsule"
KEY = "backup.key"
"""The stored key. The only secret that no backup contains."""


def address(home: Home, text: str = "") -> StoreAddress:
    """`text`: a folder or an s3:// URL; empty: CAPSULE_BACKUP_STORE, or the folder `backups`. Raises: Problem, InvalidSetting."""
    if text and "://" not in text:
        return StoreAddress(folder=home.path.__class__(text).absolute())
    if text and urlsplit(text).scheme in ("s3", "file"):
        try:
            return StoreAddress.parse(text)
        except ValueError as error:
            raise Problem(f"This is no address of backups: {error}", f"It must be a folder or {BACKUP_STORE.form.description}") from error
    if text:
        raise Problem(f"Backups cannot be stored at {urlsplit(text).scheme}://", f"It must be a folder or {BACKUP_STORE.form.description}")
    return BACKUP_STORE.read({BACKUP_STORE.name: home.backups.as_uri(), **_present(home, BACKUP_STORE.name)})


def keys(home: Home) -> BackupKeys:
    """CAPSULE_BACKUP_KEY, or the stored key, made at first use. Raises: InvalidSetting."""
    if home.environment.get(BACKUP_KEY.name):
        return BACKUP_KEY.read(home.environment)
    return BackupKeys.parse(secrets.stored_secret(home, KEY, lambda: BackupKey.generate().text))


def given_keys(home: Home, typed: str = "") -> BackupKeys:
    """The key for a restore: typed, CAPSULE_BACKUP_KEY, or the one of this state folder. Makes none. Raises: Problem."""
    text = typed or home.environment.get(BACKUP_KEY.name) or secrets.find(home, KEY)
    if not text:
        raise Problem("A restore needs the backup key.", f"{BACKUP_KEY.name}=capsule-backup-key-1-… ./taskw restore …, or --key-stdin")
    try:
        return BackupKeys.parse(text)
    except InvalidBackupKey as error:
        raise Problem(f"This is no backup key: {error}.", "./taskw backup --show-key printed it on the former machine.") from error


def open_store(home: Home, text: str = "", keys_: BackupKeys | None = None, *, is_written: bool = False) -> BackupStore:
    """Open the store. A folder that is to be written is made, if it is ours or the operator named it on the command line."""
    place = address(home, text)
    if is_written and place.folder is not None and (text or place.folder == home.backups):
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return BackupStore(place.open(is_shared=place.folder == home.backups and os.geteuid() == 0), keys_ or keys(home))


def _present(home: Home, name: str) -> dict[str, str]:
    return {name: home.environment[name]} if home.environment.get(name) else {}
