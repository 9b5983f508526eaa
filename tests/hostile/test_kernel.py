"""System calls and privileges: moby's default seccomp profile, CIS Docker 5.3, 5.4, 5.22, 5.26, Pod Security Standard `restricted`."""

import os
from typing import Any

import pytest

from tests.hostile.attacker.probes import kernel
from tests.hostile.conftest import Findings

Facts = dict[str, Any]
REFUSED = {"EPERM", "ENOSYS", "EACCES"}
"""EPERM by the filter or without a capability, ENOSYS where the kernel lacks the call or the filter hides it
(clone3)."""
UNSUPPORTED = {"vsock socket": {"EAFNOSUPPORT"}, "packet socket": {"EAFNOSUPPORT"}, "raw socket v6": {"EAFNOSUPPORT"},
            "setuid 0": {"EINVAL"}, "setgid 0": {"EINVAL"}}  # fmt: skip
"""Errors of a kernel without that protocol, and for an id outside of the user namespace."""
FULL_RANGE = 4_294_967_295


@pytest.mark.parametrize("name", sorted(kernel.calls()))
def test_unneeded_system_calls_are_refused(facts: Facts, name: str) -> None:
    assert facts["kernel"]["calls"][name] in REFUSED | UNSUPPORTED.get(name, set())


def test_no_privilege_can_be_gained(facts: Facts) -> None:
    """no_new_privs and an empty bounding set: capabilities(7), PR_SET_NO_NEW_PRIVS(2const)."""
    status = facts["identity"]["status"]
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}, status


def test_processes_are_not_root_and_in_no_group_of_the_host(facts: Facts) -> None:
    identity = facts["identity"]
    assert identity["uid"] != 0 and identity["gid"] != 0
    assert set(identity["groups"]) <= {identity["gid"], 65534}


def test_each_sandbox_has_its_own_range_of_ids(facts: Facts, findings: Findings) -> None:
    """65,536 ids that no other instance or build has, as usual for containers (user_namespaces(7))."""
    for kind in ("uid_map", "gid_map"):
        rows = facts["identity"][kind]
        assert rows and all(length < FULL_RANGE for _, _, length in rows), rows
        assert not findings.is_root or all(outside != 0 for _, outside, _ in rows), rows
    if not findings.is_root:
        return  # an ordinary user has only one id, which bubblewrap maps
    mapped = [{outside for _, outside, _ in found["identity"]["uid_map"]} for found in (findings.application, findings.build)]
    assert not mapped[0] & mapped[1], "the build and the application have the same ids on the host"


@pytest.mark.parametrize("kind", ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"])
def test_each_sandbox_has_its_own_namespaces(findings: Findings, kind: str) -> None:
    """Compared only with namespaces that exist at the same time: the kernel reuses numbers of namespaces."""
    here, neighbour = os.readlink(f"/proc/self/ns/{kind}"), findings.neighbour_namespaces[kind]
    assert len({findings.application["identity"]["namespaces"][kind], here, neighbour}) == 3
    assert findings.build["identity"]["namespaces"][kind] != here


def test_host_name_and_control_groups_are_hidden(facts: Facts) -> None:
    assert facts["identity"]["hostname"] != os.uname().nodename
    assert set(facts["identity"]["cgroups"]) == {"/"}, "a cgroup namespace of its own shows its group as the root"


def test_an_application_starts_with_three_descriptors(findings: Findings) -> None:
    assert sorted(map(int, findings.application["identity"]["descriptors"])) == [0, 1, 2], findings.application["identity"]["descriptors"]


def test_no_descriptor_leads_out_of_the_sandbox(facts: Facts, findings: Findings) -> None:
    """A build's code is started by its installer, which has its own files open. None belongs to the platform."""
    open_files = list(facts["identity"]["descriptors"].values())
    assert [each for each in open_files if "memfd" in each or each.startswith(("socket:", findings.home))] == []


def test_only_own_processes_are_visible(facts: Facts) -> None:
    visible = {int(pid): name for pid, name in facts["processes"]["visible"].items()}
    assert facts["processes"]["targets_visible"] == []
    assert len(visible) < 20 and min(visible) == 1, visible
    assert not {"postgres", "beam.smp", "systemd", "kthreadd", "slirp4netns"} & set(visible.values()), visible


def test_processes_of_others_cannot_be_touched(facts: Facts) -> None:
    found = facts["processes"]
    assert set(found["signal"].values()) <= {"ESRCH"} and set(found["pidfd"].values()) <= {"ESRCH"}, found
    assert {found["trace_init"], found["read_init"]} <= {"EPERM", "ENOSYS", "EACCES", "own"}, found


@pytest.mark.parametrize("what", ["raise_priority", "realtime", "raise_limit"])
def test_priorities_and_limits_cannot_be_raised(facts: Facts, what: str) -> None:
    assert facts["processes"][what] in {"EPERM", "EACCES", "PermissionError", "ValueError"}
