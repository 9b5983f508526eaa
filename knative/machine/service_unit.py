"""The systemd units of Capsule and of its daily backups, rendered from values. Pure.

Directives that would break the sandboxes of applications are left out, with the reason in LEFT_OUT. Source: systemd.service(5), systemd.exec(5),
systemd.resource-control(5), systemd.timer(5).
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from knative.installation import HOME, PORT_OFFSET

NAME, BACKUP_NAME, TIMER_NAME = "capsule.service", "capsule-backup.service", "capsule-backup.timer"
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
MAX_STARTS, START_WINDOW_SECONDS = 5, 600
RESTART_SECONDS, STOP_SECONDS = 5, 180
OWN_VARIABLES = ("CAPSULE_", "AWS_", "OTEL_")
"""Prefixes of the variables that a settings file takes over."""
LEFT_OUT: Mapping[str, str] = {
    "ProtectProc, ProtectKernelTunables, ProtectKernelLogs": "they cover parts of /proc: the kernel then refuses a fresh one in a user namespace",
    "ProtectHostname": "it forbids sethostname, which each sandbox calls in its own UTS namespace",
    "PrivateDevices, ProtectClock": "they close loop devices, on which the disks of applications are mounted",
    "RestrictNamespaces, SystemCallFilter": "they are inherited by sandboxes, which need namespaces and have a filter of their own",
    "ProtectControlGroups": "limits of applications are control groups",
    "ProtectSystem": "up creates the accounts of its servers, and installs packages that a new version needs",
}


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    project: Path
    """The folder with `taskw`."""
    home: Path
    port_offset: int
    settings_file: Path
    account: str | None = None
    """The user that a system service runs as; None: root, or of a user's own service its user."""
    is_user_service: bool = False

    def render(self) -> str:
        return "\n\n".join("\n".join(section) for section in (self._unit(), self._service(), self._install())) + "\n"

    def render_backup(self) -> str:
        """Return the unit that makes one backup, beside whatever else the machine does."""
        account = [f"User={self.account}", "NoNewPrivileges=yes"] if self.account else []
        unit = ["[Unit]", "Description=Backup of Capsule", f"Documentation=file:{self.project}/docs/backups.md", f"After={NAME}"]
        start = f"ExecStart={_quoted(str(self.project / 'taskw'))} backup"
        service = ["[Service]", "Type=oneshot", *account, *self._place(), start, "Nice=10", "IOSchedulingClass=idle"]
        return "\n\n".join("\n".join(section) for section in (unit, service)) + "\n"

    def _place(self) -> list[str]:
        return [
            f"WorkingDirectory={_specifiers(str(self.project))}",
            f"Environment={_quoted(f'{HOME.name}={self.home}')} {_quoted(f'{PORT_OFFSET.name}={self.port_offset}')}",
            f"EnvironmentFile=-{_specifiers(str(self.settings_file))}",
        ]

    def _unit(self) -> list[str]:
        order = [] if self.is_user_service else ["Wants=network-online.target", "After=network-online.target time-sync.target nss-lookup.target"]
        return [
            "[Unit]",
            "Description=Capsule",
            f"Documentation=file:{self.project}/docs/server.md",
            *order,
            f"StartLimitIntervalSec={START_WINDOW_SECONDS}",
            f"StartLimitBurst={MAX_STARTS}",
        ]

    def _service(self) -> list[str]:
        account = [f"User={self.account}", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "NoNewPrivileges=yes"] if self.account else []
        return [
            "[Service]",
            "Type=exec",
            *account,
            *self._place(),
            f"ExecStart={_quoted(str(self.project / 'taskw'))} up --foreground",
            "Restart=on-failure",
            f"RestartSec={RESTART_SECONDS}",
            "# SIGTERM goes to `up` alone, which stops its servers in their order.",
            "KillMode=mixed",
            f"TimeoutStopSec={STOP_SECONDS}",
            "# Limits of applications are control groups. An application that runs out of memory ends, and nothing else.",
            "Delegate=yes",
            "OOMPolicy=continue",
            "TasksMax=infinity",
            "LimitNOFILE=65536:524288",
            "RestrictRealtime=yes",
            *([] if self.is_user_service else ["ProtectKernelModules=yes"]),
        ]

    def _install(self) -> list[str]:
        return ["[Install]", f"WantedBy={'default.target' if self.is_user_service else 'multi-user.target'}"]


def render_timer(time_of_day: str) -> str:
    """Return the timer of daily backups. A backup that was due while the machine was off begins after its start."""
    unit = ["[Unit]", "Description=Daily backups of Capsule"]
    timer = ["[Timer]", f"OnCalendar=*-*-* {time_of_day}:00", "RandomizedDelaySec=600", "Persistent=true"]
    return "\n\n".join("\n".join(section) for section in (unit, timer, ["[Install]", "WantedBy=timers.target"])) + "\n"


def settings_text(environment: Mapping[str, str]) -> str:
    """Return the lines of a settings file with the settings of an environment, but those that the unit itself has."""
    names = sorted(name for name in environment if name.startswith(OWN_VARIABLES) and name not in (HOME.name, PORT_OFFSET.name))
    head = "# Settings of Capsule's service; all of them: docs/settings.md. After a change: systemctl restart capsule\n"
    return head + "".join(f"{name}={_environment_value(environment[name])}\n" for name in names if environment[name])


def _environment_value(text: str) -> str:
    """Quote a value so that both systemd and a shell that sources the file read it (systemd.exec(5), EnvironmentFile=)."""
    return shlex.quote(text)


def _quoted(text: str) -> str:
    """Quote a word of a unit file (systemd.syntax(7))."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_specifiers(escaped)}"'


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")
