"""Encryption at rest: what Capsule seals itself, what it does not, and whether the volume below does.

Sealed is what a database or its backup must not show: secrets of users and their applications, with keys that are not in the database. All else is
readable for who reads the disk, so the volume must be encrypted: that of the state folder, which holds the keys too, and swap space.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from functions.runtime.config.registry import wiring_of
from functions.runtime.config.wiring import SealedColumn
from knative.machine.doctor import volumes
from knative.machine.doctor.finding import Finding, Level
from knative.machine.doctor.volumes import Mount, State, Volume
from knative.machine.home import CONTEXTS, Home

CHECK = "at rest"
HASHED = "passwords (argon2id); refresh tokens, API tokens, links and codes (hashes)"
NOT_SEALED = (
    "names, e-mail addresses and devices of users, teams, audit log, invoices",
    "logs, metrics and alerts of applications; bodies of messages but for their secret fields, in databases and queues",
    "images, caches and data of applications; bundled git repositories; e-mails in the Maildir",
    "objects of the one-machine Knative, Kubernetes Secrets with variables of applications too (mode 0600)",
    "the keys themselves, in the folder secrets (mode 0600)",
)
REMEDY = "Put CAPSULE_HOME on a LUKS volume (cryptsetup luksFormat), a ZFS dataset with encryption=on, or a folder with fscrypt; backups too."


def check(home: Home, _: datetime) -> Iterator[Finding]:
    yield describe_sealed({context: wiring_of(context).sealed for context in CONTEXTS})
    folder = home.path if home.path.exists() else next(parent for parent in home.path.parents if parent.exists())
    yield decide_volume(str(folder), volumes.volume_of(folder.resolve()))
    swaps = Path("/proc/swaps")
    if swaps.exists():
        yield decide_swap([each for each in _swap_devices(swaps.read_text()) if volumes.device_volume(each).state is not State.ENCRYPTED])


def describe_sealed(sealed: dict[str, Sequence[SealedColumn]]) -> Finding:
    columns = [f"{context}: {column.table}.{column.name}" for context, each in sealed.items() for column in each]
    details = (*(f"sealed   {column}" for column in columns), f"hashed   {HASHED}", *(f"readable {each}" for each in NOT_SEALED))
    summary = (
        f"{len(columns)} columns and all secret fields of messages are sealed with keys outside the databases; all else needs an encrypted volume"
    )
    return Finding(CHECK, Level.NOTE, summary, details=details)


def decide_volume(folder: str, volume: Volume) -> Finding:
    match volume.state:
        case State.ENCRYPTED:
            return Finding(CHECK, Level.GOOD, f"{folder} lies on an encrypted volume ({volume.how})")
        case State.PLAIN:
            return Finding(CHECK, Level.WARNING, f"{folder} lies on a volume that is not encrypted ({volume.how}).", REMEDY)
    summary = f"Whether {folder} lies on an encrypted volume is not visible from here ({volume.how})."
    return Finding(CHECK, Level.WARNING, summary, f"Ask who runs the host. If it is not: {REMEDY}")


def _swap_devices(text: str) -> list[Mount]:
    """Devices of /proc/swaps; zram is memory. A swap file counts as its own device, which sysfs does not show: reported as not encrypted."""
    names = [line.split()[0] for line in text.splitlines()[1:] if line.split()]
    return [Mount("", "", "swap", name) for name in names if not Path(name).name.startswith("zram")]


def decide_swap(plain: Sequence[Mount]) -> Finding:
    """`plain`: swap devices that are not encrypted as far as this machine shows."""
    if plain:
        names = ", ".join(each.source for each in plain)
        return Finding(
            CHECK, Level.WARNING, f"Swap space may not be encrypted: {names}. Memory with secrets can reach it.", "Encrypt it, or swapoff."
        )
    return Finding(CHECK, Level.GOOD, "no swap space without encryption")
