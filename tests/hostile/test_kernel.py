"""System calls and rights: moby's default seccomp profile, CIS Docker 5.3, 5.4, 5.22, 5.26 and the Pod Security Standard `restricted`."""

import os
from typing import Any

import pytest

from tests.hostile.attacker.probes import kernel
from tests.hostile.conftest import Findings

Facts = dict[str, Any]
REFUSED = {"EPERM", "ENOSYS", "EACCES"}
"""EPERM by the filter or for want of a capability, ENOSYS where the kernel has no such call or the filter hides it (clone3)."""
NOT_HERE = {"vsock socket": {"EAFNOSUPPORT"}, "packet socket": {"EAFNOSUPPORT"}, "raw socket v6": {"EAFNOSUPPORT"},
            "setuid 0": {"EINVAL"}, "setgid 0": {"EINVAL"}}  # fmt: skip
"""What a kernel without that protocol answers; and for an id that the user namespace does not have."""
FULL_RANGE = 4_294_967_295


@pytest.mark.parametrize("name", sorted(kernel.calls()))
def test_a_call_that_no_container_needs_is_refused(facts: Facts, name: str) -> None:
    assert facts["kernel"]["calls"][name] in REFUSED | NOT_HERE.get(name, set())


def test_no_right_can_be_gained(facts: Facts) -> None:
    """no_new_privs and an empty bounding set: capabilities(7), PR_SET_NO_NEW_PRIVS(2const)."""
    status = facts["identity"]["status"]
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}, status


def test_it_is_not_root_and_in_no_group_of_the_host(facts: Facts) -> None:
    identity = facts["identity"]
    assert identity["uid"] != 0 and identity["gid"] != 0
    assert set(identity["groups"]) <= {identity["gid"], 65534}


def test_its_ids_are_a_range_of_its_own(facts: Facts, findings: Findings) -> None:
    """65,536 ids that neither another instance nor a build has, as containers have them (user_namespaces(7))."""
    for kind in ("uid_map", "gid_map"):
        rows = facts["identity"][kind]
        assert rows and all(length < FULL_RANGE for _, _, length in rows), rows
        assert not findings.by_root or all(outside != 0 for _, outside, _ in rows), rows
    if not findings.by_root:
        return  # an ordinary user has one id to give: bubblewrap maps it
    mapped = [{outside for _, outside, _ in found["identity"]["uid_map"]} for found in (findings.application, findings.build)]
    assert not mapped[0] & mapped[1], "the build and the application have the same ids on the host"


@pytest.mark.parametrize("kind", ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"])
def test_every_namespace_is_its_own(findings: Findings, kind: str) -> None:
    """Compared only with what exists at the same time: the kernel gives a namespace's number again once the namespace is gone."""
    here, neighbour = os.readlink(f"/proc/self/ns/{kind}"), findings.neighbour_namespaces[kind]
    assert len({findings.application["identity"]["namespaces"][kind], here, neighbour}) == 3
    assert findings.build["identity"]["namespaces"][kind] != here


def test_it_sees_neither_the_machine_s_name_nor_its_control_groups(facts: Facts) -> None:
    assert facts["identity"]["hostname"] != os.uname().nodename
    assert set(facts["identity"]["cgroups"]) == {"/"}, "a cgroup namespace of its own shows its group as the root"


def test_it_starts_with_three_descriptors(findings: Findings) -> None:
    assert sorted(map(int, findings.application["identity"]["descriptors"])) == [0, 1, 2], findings.application["identity"]["descriptors"]


def test_no_descriptor_leads_out(facts: Facts, findings: Findings) -> None:
    """A build's code is started by its installer, which has files of its own open; none is the platform's."""
    open_files = list(facts["identity"]["descriptors"].values())
    assert [each for each in open_files if "memfd" in each or each.startswith(("socket:", findings.home))] == []


def test_it_sees_only_its_own_processes(facts: Facts) -> None:
    visible = {int(pid): name for pid, name in facts["processes"]["visible"].items()}
    assert facts["processes"]["targets_visible"] == []
    assert len(visible) < 20 and min(visible) == 1, visible
    assert not {"postgres", "beam.smp", "systemd", "kthreadd", "slirp4netns"} & set(visible.values()), visible


def test_processes_of_others_cannot_be_touched(facts: Facts) -> None:
    found = facts["processes"]
    assert set(found["signal"].values()) <= {"ESRCH"} and set(found["pidfd"].values()) <= {"ESRCH"}, found
    assert {found["trace_init"], found["read_init"]} <= {"EPERM", "ENOSYS", "EACCES", "own"}, found


@pytest.mark.parametrize("what", ["raise_priority", "realtime", "raise_limit"])
def test_it_cannot_put_itself_before_others(facts: Facts, what: str) -> None:
    assert facts["processes"][what] in {"EPERM", "EACCES", "PermissionError", "ValueError"}
