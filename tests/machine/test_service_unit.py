"""Capsule as a service of systemd: the unit that is written, checked by systemd itself, and what is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from knative.machine import service_installation
from knative.machine.home import PROJECT, Home
from knative.machine.problems import Problem
from knative.machine.service_installation import Place, install_service, write, write_backups
from knative.machine.service_unit import BACKUP_NAME, TIMER_NAME, ServiceUnit, render_timer, settings_text


def unit(folder: Path, **fields: object) -> ServiceUnit:
    return ServiceUnit(PROJECT, folder / "state", 0, folder / "capsule.env", **fields)  # type: ignore[arg-type]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("fields", [{}, {"account": "daemon"}, {"is_user_service": True}], ids=["root", "account", "user"])
def test_systemd_accepts_the_unit(tmp_path: Path, fields: dict[str, object]) -> None:
    path = tmp_path / "capsule.service"
    path.write_text(unit(tmp_path, **fields).render())
    scope = ["--user"] if fields.get("is_user_service") else []
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", *scope, "verify", "--man=no", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    faults = [line for line in checked.stderr.splitlines() if "capsule.service" in line]
    assert not faults and checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_would_notice_a_wrong_directive(tmp_path: Path) -> None:
    path = tmp_path / "capsule.service"
    path.write_text(unit(tmp_path).render().replace("OOMPolicy=continue", "OOMPolicy=perhaps"))
    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False)
    assert "Failed to parse OOM policy" in checked.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("account", [None, "daemon"])
def test_systemd_accepts_the_timer_of_backups(tmp_path: Path, account: str | None) -> None:
    place = Place(tmp_path / "capsule.service", tmp_path / "capsule.env", False)
    write_backups(unit(tmp_path, account=account), place, "23:05")
    service, timer = tmp_path / BACKUP_NAME, tmp_path / TIMER_NAME
    command = ["systemd-analyze", "verify", "--man=no", str(timer), str(service)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    faults = [line for line in checked.stderr.splitlines() if "capsule-backup" in line]
    assert not faults and checked.returncode == 0, checked.stderr
    assert f'ExecStart="{PROJECT}/taskw" backup' in service.read_text() and f"CAPSULE_HOME={tmp_path}/state" in service.read_text()
    assert ("User=daemon" in service.read_text()) is (account is not None)
    times = subprocess.run(["systemd-analyze", "calendar", "*-*-* 23:05:00"], capture_output=True, text=True, check=False)
    assert "OnCalendar=*-*-* 23:05:00" in timer.read_text() and times.returncode == 0 and "Persistent=true" in render_timer("23:05")


def test_backups_begin_at_a_time_of_day(tmp_path: Path) -> None:
    for text in ("24:00", "3:00", "daily", ""):
        with pytest.raises(Problem, match="no time of day") as problem:
            install_service(Home(tmp_path), Console(), is_user_service=False, account=None, print_only=True, backup_at=text)
        assert "--backup-at 03:00" in problem.value.remedy


def test_an_account_gets_low_ports_and_no_other_privilege(tmp_path: Path) -> None:
    lines = unit(tmp_path, account="capsule").render().splitlines()
    assert {"User=capsule", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "NoNewPrivileges=yes"} <= set(lines)
    assert not [line for line in unit(tmp_path).render().splitlines() if line.startswith(("User=", "NoNewPrivileges"))]


def test_nothing_that_breaks_sandboxes_is_set(tmp_path: Path) -> None:
    text = unit(tmp_path).render()
    for name in ("ProtectProc", "ProtectKernelTunables", "ProtectHostname", "PrivateDevices", "RestrictNamespaces", "ProtectControlGroups="):
        assert name not in text


def test_odd_paths_are_quoted(tmp_path: Path) -> None:
    odd = ServiceUnit(Path('/opt/my "capsule" 100%'), tmp_path, 0, tmp_path / "e")
    assert 'ExecStart="/opt/my \\"capsule\\" 100%%/taskw" up --foreground' in odd.render()


def test_writing_twice_changes_nothing_and_settings_are_never_overwritten(tmp_path: Path) -> None:
    place = Place(tmp_path / "units" / "capsule.service", tmp_path / "capsule.env", False)
    home = Home(tmp_path / "state", environment={"CAPSULE_PUBLIC_URL": "https://capsule.example.org", "HOME": "/root", "CAPSULE_HOME": "/x"})
    assert write(unit(tmp_path), place, home) and not write(unit(tmp_path), place, home)
    assert place.settings_file.stat().st_mode & 0o777 == 0o600
    assert place.settings_file.read_text().splitlines()[1:] == ["CAPSULE_PUBLIC_URL=https://capsule.example.org"]
    place.settings_file.write_text("CAPSULE_PUBLIC_URL=https://other.example.org\n")
    assert write(unit(tmp_path, account=None, is_user_service=True), place, home), "another unit is written"
    assert place.settings_file.read_text() == "CAPSULE_PUBLIC_URL=https://other.example.org\n"


def test_a_shell_reads_the_settings_as_systemd_does() -> None:
    value = "a b'c\"d$e"
    text = settings_text({"CAPSULE_X": value, "CAPSULE_EMPTY": ""})
    read = subprocess.run(["sh", "-c", f'{text}\nprintf %s "$CAPSULE_X"'], capture_output=True, text=True, check=True)
    assert read.stdout == value and "CAPSULE_EMPTY" not in text


def test_a_machine_without_systemd_says_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_installation, "RUNNING_SYSTEMD", tmp_path / "none")
    with pytest.raises(Problem, match="systemd does not run this machine") as problem:
        install_service(Home(tmp_path), Console(), is_user_service=False, account=None, print_only=False)
    assert "up --foreground" in problem.value.remedy


def test_print_needs_neither_systemd_nor_root(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "knative.machine", "install-service", "--print", "--run-as", "capsule"]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env={**os.environ, "CAPSULE_HOME": str(tmp_path)}, check=True)
    assert "User=capsule" in printed.stdout and f"CAPSULE_HOME={tmp_path}" in printed.stdout
    assert not (tmp_path / "run").exists()
