"""The environment variables that name the backup store and its keys."""

from functions.wire.backups.address import StoreAddress
from functions.wire.backups.keys import PREFIX, BackupKeys
from functions.wire.settings import Setting
from functions.wire.settings.forms import Form

BACKUP_STORE = Setting(
    "CAPSULE_BACKUP_STORE",
    Form("file:///folder, or s3://bucket/prefix?region=eu-central-1, with &endpoint=https://… for other servers than Amazon's", StoreAddress.parse),
    "Where backups are stored, see [Backups](backups.md#where-backups-are-stored). Without credentials in the URL (`s3://KEY:SECRET@bucket`), boto3 "
    "finds them.",
    default=None,
    default_note="on one machine: `backups` in `CAPSULE_HOME`",
    is_secret=True,
)
BACKUP_KEY = Setting(
    "CAPSULE_BACKUP_KEY",
    Form(f"a backup key ({PREFIX}…); several, separated by commas: the first one encrypts, each decrypts", BackupKeys.parse),
    "Encrypts backups. Keep a copy elsewhere: without it no backup can be read. See [Backups](backups.md#the-key).",
    default=None,
    default_note="on one machine: generated",
    is_secret=True,
)
