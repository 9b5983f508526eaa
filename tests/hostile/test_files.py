"""No file of the host, the platform or another tenant can be read or changed: CIS Docker 5.5 and 5.31, OWASP Docker rules 1 and 8."""

import json
import os
import sys
from typing import Any

import pytest

from tests.hostile.conftest import Findings

Facts = dict[str, Any]
DEVICES = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts/ptmx", "/dev/fuse"} - {
    "/dev/fuse"
}
"""The default devices of the OCI runtime specification (config-linux.md)."""


def test_no_secret_of_the_host_or_the_platform_is_readable(facts: Facts) -> None:
    assert sorted(facts["files"]["secrets"].items()) == []


def test_no_folder_of_the_platform_is_listed(facts: Facts, findings: Findings) -> None:
    listed = facts["files"]["folders"]
    assert [folder for folder in listed if folder.startswith(findings.home)] == []


def test_folders_of_the_host_are_not_visible(facts: Facts) -> None:
    """Except the path to the interpreter, if it is in one of them."""
    names = {
        f"{folder}/{name}" for folder in ("/root", "/boot", "/srv", "/var/log", "/lost+found") for name in facts["files"]["folders"].get(folder, [])
    }
    assert [name for name in names if not sys.base_prefix.startswith(name)] == []


def test_host_settings_in_etc_are_not_visible(facts: Facts) -> None:
    """An application needs accounts, names and certificates of /etc, but not this machine's configuration."""
    own = {"/etc/hostname"} if facts["files"]["host_settings"].get("/etc/hostname", "").strip() != os.uname().nodename else set()
    assert sorted(set(facts["files"]["host_settings"]) - own) == []


def test_no_socket_of_a_daemon_is_visible(facts: Facts) -> None:
    assert facts["files"]["sockets"] == []


def test_kernel_controls_cannot_be_opened_for_writing(facts: Facts) -> None:
    """A process may raise its own OOM score (proc_pid_oom_score_adj(5)), but never lower it."""
    allowed = {"/proc/self/oom_score_adj"}
    assert [name for name, outcome in facts["files"]["controls"].items() if outcome == "ok" and name not in allowed] == []


def test_only_harmless_devices_open_and_none_can_be_created(facts: Facts) -> None:
    devices = facts["files"]["devices"]
    assert set(devices["opened"]) <= DEVICES
    assert set(devices["made"].values()) <= {"EPERM", "EACCES", "EROFS", "ENOSYS"}, devices["made"]


def test_processes_of_others_cannot_be_read(facts: Facts) -> None:
    assert facts["files"]["other_processes"] == {}


def test_setuid_programs_have_no_effect(facts: Facts) -> None:
    """CIS Docker 4.8. A mount with nosuid, or no such program."""
    assert facts["files"]["setuid_programs"] == []


@pytest.mark.parametrize("folder", ["/usr", "/usr/bin", "/usr/local/bin", "/lib", "/proc", "/sys"])
def test_shared_folders_cannot_be_written(facts: Facts, folder: str) -> None:
    assert facts["writes"]["places"][folder] != "ok"


def test_nothing_of_the_platform_can_be_written(facts: Facts, findings: Findings) -> None:
    written = {path for kind in ("places", "changed") for path, outcome in facts["writes"][kind].items() if outcome == "ok"}
    assert [path for path in written if path.startswith(findings.home)] == []
    assert not written & {"/etc/passwd", "/usr/bin/env"}


def test_an_application_can_write_to_its_own_folders(findings: Findings) -> None:
    """As users of Heroku and Dokku expect: each instance has its own writable layer, which is deleted with it."""
    written = findings.application["writes"]
    assert written["own"] == {"application": "ok", "home": "ok"}
    assert written["places"]["/tmp"] == "ok"


def test_the_neighbours_secret_is_nowhere(facts: Facts, findings: Findings) -> None:
    assert findings.word not in json.dumps(facts)
