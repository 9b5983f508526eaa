"""What a build may reach of this machine, and what is said of the sandbox."""

import pytest

from knative.local.sandbox.isolation import Isolation, standing
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


def test_what_is_missing_is_called_single_tenant_mode() -> None:
    assert standing(Isolation.ROOT, "", True).whole and standing(Isolation.BUBBLEWRAP, "", False).whole
    for isolation, lacking in ((Isolation.NONE, "no sandbox"), (Isolation.ROOT, "no slirp4netns"), (Isolation.BUBBLEWRAP, "no slirp4netns")):
        said = standing(isolation, lacking, False)
        assert not said.whole and said.words.startswith("single-tenant mode") and "apt-get install" in said.words
