"""`install-service`: Capsule as a service of systemd, which starts it after a reboot and after a crash. Idempotent."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from knative.machine.home import PROJECT, Home
from knative.machine.problems import Problem
from knative.machine.service_unit import BACKUP_NAME, NAME, TIME_OF_DAY, TIMER_NAME, ServiceUnit, render_timer, settings_text

BACKUP_AT, OFF = "03:00", "off"
RUNNING_SYSTEMD = Path("/run/systemd/system")
"""Exists while systemd is the init system (sd_booted(3))."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is installed."""

    unit: Path
    settings_file: Path
    is_user_service: bool

    @classmethod
    def of(cls, *, is_user_service: bool) -> "Place":
        if is_user_service:
            config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
            return cls(config / "systemd" / "user" / NAME, config / "capsule" / "capsule.env", True)
        return cls(Path("/etc/systemd/system") / NAME, Path("/etc/capsule/capsule.env"), False)

    @property
    def systemctl(self) -> list[str]:
        return ["systemctl", *(["--user"] if self.is_user_service else [])]


def install_service(
    home: Home, console: Console, *, is_user_service: bool, account: str | None, print_only: bool, backup_at: str = BACKUP_AT
) -> None:
    """Write the unit, the settings file if there is none, and the timer of backups, and start the service.

    `backup_at`: a time of day, or `off`. Raises Problem.
    """
    if backup_at != OFF and not TIME_OF_DAY.fullmatch(backup_at):
        raise Problem(f"{backup_at!r} is no time of day.", f"--backup-at {BACKUP_AT}, or --backup-at {OFF}")
    place = Place.of(is_user_service=is_user_service)
    unit = ServiceUnit(PROJECT, home.path, home.ports.offset, place.settings_file, account, is_user_service)
    if print_only:
        console.print(unit.render(), markup=False, soft_wrap=True, end="")
        return
    _require_systemd(place)
    if account is not None:
        _require_account(account, home)
    written = write(unit, place, home)
    write_backups(unit, place, backup_at)
    _systemctl(place, "daemon-reload")
    _systemctl(place, "enable", NAME)
    _systemctl(place, "restart" if written else "start", NAME)
    if backup_at == OFF:
        console.print(f"No backups by a timer: {BACKUP_AT} is the default of --backup-at", soft_wrap=True)
    else:
        _systemctl(place, "enable", TIMER_NAME)
        _systemctl(place, "restart", TIMER_NAME)
        console.print(f"Backups: daily at {backup_at}, as {TIMER_NAME}. Keep a copy of the key: ./taskw backup --show-key", soft_wrap=True)
    console.print(f"{'Wrote' if written else 'Unchanged:'} {place.unit}", soft_wrap=True)
    console.print(f"Settings: {place.settings_file}", soft_wrap=True)
    control = " ".join(place.systemctl)
    console.print(f"Capsule starts now and at each boot. See: {control} status capsule, ./taskw status", soft_wrap=True)
    if is_user_service:
        console.print("It ends with your last session unless you linger: loginctl enable-linger", soft_wrap=True)


def uninstall_service(console: Console, *, is_user_service: bool) -> None:
    """Stop the service and delete its unit. The settings file and all data stay. Raises Problem."""
    place = Place.of(is_user_service=is_user_service)
    if not place.unit.exists():
        console.print(f"{place.unit} does not exist; nothing to do.", soft_wrap=True)
        return
    _require_systemd(place)
    _systemctl(place, "disable", "--now", NAME)
    place.unit.unlink()
    _remove_backups(place)
    _systemctl(place, "daemon-reload")
    console.print(f"Deleted {place.unit}. Data in the state folder and {place.settings_file} stay.", soft_wrap=True)


def write(unit: ServiceUnit, place: Place, home: Home) -> bool:
    """Write the unit, and the settings file if there is none. Return whether the unit was changed."""
    if not place.settings_file.exists():
        place.settings_file.parent.mkdir(parents=True, exist_ok=True)
        place.settings_file.touch(mode=0o600)
        place.settings_file.write_text(settings_text(home.environment))
        if unit.account is not None:
            shutil.chown(place.settings_file, unit.account)
    text = unit.render()
    if place.unit.exists() and place.unit.read_text() == text:
        return False
    place.unit.parent.mkdir(parents=True, exist_ok=True)
    place.unit.write_text(text)
    return True


def write_backups(unit: ServiceUnit, place: Place, backup_at: str) -> None:
    """Write the unit and the timer of backups, or remove them."""
    if backup_at == OFF:
        _remove_backups(place)
        return
    for name, text in ((BACKUP_NAME, unit.render_backup()), (TIMER_NAME, render_timer(backup_at))):
        place.unit.with_name(name).write_text(text)


def _remove_backups(place: Place) -> None:
    """A backup that is in progress goes on to its end."""
    if place.unit.with_name(TIMER_NAME).exists():
        _systemctl(place, "disable", "--now", TIMER_NAME)
    for name in (TIMER_NAME, BACKUP_NAME):
        place.unit.with_name(name).unlink(missing_ok=True)


def _require_systemd(place: Place) -> None:
    if shutil.which("systemctl") is None or not RUNNING_SYSTEMD.is_dir():
        remedy = "Run `./taskw up --foreground` in the service manager that this machine has; `./taskw install-service --print` shows the unit."
        raise Problem("systemd does not run this machine.", remedy)
    if not place.is_user_service and os.geteuid() != 0:
        remedy = "sudo ./taskw install-service, or a service of your own user: ./taskw install-service --user"
        raise Problem("A service of the system is installed by root.", remedy)
    if place.is_user_service and os.geteuid() == 0:
        raise Problem("--user installs a service of an ordinary user, and this is root.", "./taskw install-service, or with --run-as NAME")


def _require_account(name: str, home: Home) -> None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        command = f"useradd --system --create-home --home-dir /var/lib/{name} --shell /usr/sbin/nologin {name}"
        raise Problem(f"This machine has no user {name}.", command) from None
    for folder in (PROJECT, home.path):
        if folder.exists() and folder.stat().st_uid != entry.pw_uid:
            raise Problem(f"{folder} does not belong to {name}, who could not write there.", f"chown -R {name}: {folder}")


def _systemctl(place: Place, *arguments: str) -> None:
    command = [*place.systemctl, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Problem(f"{' '.join(command)} failed: {result.stderr.strip() or result.returncode}", "journalctl -xe shows more.")
