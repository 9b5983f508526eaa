"""Which destinations on this machine a build may reach, and the report about the sandbox."""

import errno

import pytest

from knative.local.sandbox import seccomp
from knative.local.sandbox.isolation import Abilities, report_isolation
from knative.local.sandbox.plan import Isolation
from knative.local.serving.build_access import NOTHING, BuildAccess, of


def container(**env: str) -> dict[str, object]:
    return {"env": [{"name": name, "value": value} for name, value in env.items()]}


def access(*, ports: set[int] | None = None, ingress: set[str] | None = None, hosts: set[str] | None = None) -> BuildAccess:
    return BuildAccess(frozenset(ports or ()), frozenset(ingress or ()), frozenset(hosts or ()))


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, NOTHING),
        ({"REPOSITORY": "http://samples.localhost:7030/x.git", "REPOSITORY_HOSTS": "samples.localhost"}, access(ingress={"samples.localhost"})),
        ({"REPOSITORY_HOSTS": "Samples.localhost.:7080 git.localhost:3000"}, access(ports={3000}, ingress={"samples.localhost"})),
        (
            {"REPOSITORY_HOSTS": "127.0.0.1:4000 git.example.com 10.0.0.5:3000 [::1]:4001"},
            access(ports={4000, 4001}, hosts={"git.example.com", "10.0.0.5"}),
        ),
        (
            {"BUILD_ENVIRONMENT": "REGISTRY_MIRROR", "REGISTRY_MIRROR": "http://127.0.0.1:5000 ghcr.io=https://mirror.example/x"},
            access(ports={5000}, hosts={"mirror.example"}),
        ),
        (
            {"BUILD_ENVIRONMENT": "HTTPS_PROXY NO_PROXY", "HTTPS_PROXY": "http://u:p@127.0.0.1:3128", "NO_PROXY": "127.0.0.1:5432"},
            access(ports={3128}),
        ),
        (
            {"BUILD_ENVIRONMENT": "PIP_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL": "http://localhost/simple https://pypi.org/simple"},
            access(ports={80}, hosts={"pypi.org"}),
        ),
        ({"BUILD_ENVIRONMENT": "UV_INDEX", "UV_INDEX": "http://mirror.localhost:7080/simple"}, access(ingress={"mirror.localhost"})),
        ({"BUILD_ENVIRONMENT": "", "HTTPS_PROXY": "http://127.0.0.1:3128"}, NOTHING),
        ({"REPOSITORY_HOSTS": "127.0.0.1:99999 [::1 :3000 127.0.0.1:http", "BUILD_ENVIRONMENT": "PIP_CERT", "PIP_CERT": "/etc/ssl/x"}, NOTHING),
    ],
)
def test_a_build_reaches_only_what_the_operator_granted(env: dict[str, str], expected: BuildAccess) -> None:
    assert of(container(**env), 7080) == expected


MISSING = "slirp4netns is not installed: apt-get install slirp4netns"


def able(isolation: Isolation, **lacking: bool) -> Abilities:
    return Abilities(isolation, **{"has_disks": True, "has_filter": True, "has_mapped_mounts": True, "has_overlay": True, **lacking})


def test_a_missing_sandbox_or_network_is_called_single_tenant_mode() -> None:
    for isolation in (Isolation.ROOT, Isolation.BUBBLEWRAP):
        assert report_isolation(able(isolation), "", True).is_complete
    for isolation, lacking in ((Isolation.NONE, "no sandbox"), (Isolation.ROOT, MISSING), (Isolation.BUBBLEWRAP, MISSING)):
        report = report_isolation(able(isolation), lacking, False)
        assert not report.is_complete and report.text.startswith("single-tenant mode") and "apt-get install" in report.text


@pytest.mark.parametrize(
    ("ability", "words"),
    [("has_disks", "loop devices"), ("has_filter", "libseccomp2"), ("has_mapped_mounts", "ID-mapped"), ("has_overlay", "overlay")],
)
def test_each_missing_ability_is_reported(ability: str, words: str) -> None:
    whole = report_isolation(able(Isolation.ROOT), "", True).text
    assert "Weaker here" not in whole
    weaker = report_isolation(able(Isolation.ROOT, **{ability: False}), "", True)
    assert weaker.is_complete and weaker.text.count("Weaker here") == 1 and words in weaker.text


@pytest.mark.parametrize("name", ["mount", "umount2", "chroot", "pivot_root", "sethostname"])
def test_only_builds_of_dockerfiles_may_mount(name: str) -> None:
    assert [action for action, _ in seccomp.rules(name)] == [seccomp.ERRNO | errno.EPERM]
    assert seccomp.rules(name, allows_mounts=True) == [(seccomp.ALLOW, [])]


@pytest.mark.parametrize("name", ["setns", "move_mount", "open_tree", "fsopen", "mount_setattr", "bpf", "ptrace", "keyctl", "open_by_handle_at"])
def test_builds_of_dockerfiles_may_nothing_else(name: str) -> None:
    assert [action for action, _ in seccomp.rules(name, allows_mounts=True)] == [seccomp.ERRNO | errno.EPERM]


@pytest.mark.parametrize("name", ["clone", "unshare"])
def test_builds_of_dockerfiles_create_no_user_or_network_namespace(name: str) -> None:
    """CLONE_NEWUSER, NEWNET, NEWCGROUP, NEWTIME."""
    refused = [comparisons[0].second for action, comparisons in seccomp.rules(name, allows_mounts=True) if action != seccomp.ALLOW]
    assert set(refused) == {0x10000000, 0x40000000, 0x02000000, 0x80}
