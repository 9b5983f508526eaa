"""What a build may reach of this machine, and what is said of the sandbox."""

import pytest

from knative.local.sandbox.isolation import Abilities, Isolation, standing
from knative.local.serving.pod_network import shown_ports


def container(**told: str) -> dict[str, object]:
    return {"env": [{"name": name, "value": value} for name, value in told.items()]}


@pytest.mark.parametrize(
    ("told", "ports"),
    [
        ({}, set()),
        ({"REPOSITORY": "http://samples.localhost:7030/x.git", "REPOSITORY_HOSTS": "samples.localhost"}, {7080}),
        ({"REPOSITORY_HOSTS": "127.0.0.1:4000 git.example.com 10.0.0.5:3000 [::1]:4001"}, {4000, 4001}),
        ({"BUILD_ENVIRONMENT": "HTTPS_PROXY NO_PROXY", "HTTPS_PROXY": "http://u:p@127.0.0.1:3128", "NO_PROXY": "127.0.0.1:5432"}, {3128}),
        ({"BUILD_ENVIRONMENT": "PIP_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL": "http://localhost/simple https://pypi.org/simple"}, {80}),
        ({"BUILD_ENVIRONMENT": "", "HTTPS_PROXY": "http://127.0.0.1:3128"}, set()),
    ],
)
def test_a_build_reaches_of_this_machine_what_the_operator_named(told: dict[str, str], ports: set[int]) -> None:
    assert shown_ports(container(**told), 7080) == ports


def able(isolation: Isolation, **lacking: bool) -> Abilities:
    return Abilities(isolation, **{"has_disks": True, "has_filter": True, "has_mapped_mounts": True, "has_overlay": True, **lacking})


def test_what_is_missing_is_called_single_tenant_mode() -> None:
    for isolation in (Isolation.ROOT, Isolation.BUBBLEWRAP):
        assert standing(able(isolation), "", True).whole
    for isolation, lacking in ((Isolation.NONE, "no sandbox"), (Isolation.ROOT, "no slirp4netns"), (Isolation.BUBBLEWRAP, "no slirp4netns")):
        found = standing(able(isolation), lacking, False)
        assert not found.whole and found.words.startswith("single-tenant mode") and "apt-get install" in found.words


@pytest.mark.parametrize(
    ("ability", "words"),
    [("has_disks", "loop devices"), ("has_filter", "libseccomp2"), ("has_mapped_mounts", "ID-mapped"), ("has_overlay", "overlay")],
)
def test_what_the_kernel_lacks_is_said_in_a_sentence(ability: str, words: str) -> None:
    whole = standing(able(Isolation.ROOT), "", True).words
    assert "Weaker here" not in whole
    weaker = standing(able(Isolation.ROOT, **{ability: False}), "", True)
    assert weaker.whole and weaker.words.count("Weaker here") == 1 and words in weaker.words
