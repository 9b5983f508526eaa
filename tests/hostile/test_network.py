"""An application reaches the internet and its own port, a build also the server it is cloned from.

Nothing else on this machine answers.
"""

from typing import Any

import pytest

from tests.hostile.conftest import Findings

Facts = dict[str, Any]


def test_no_port_of_this_machine_answers_an_application(findings: Findings) -> None:
    assert len(findings.targets["open_ports"]) > 20, "without servers outside, this shows nothing"
    assert findings.application["network"]["open"] == []


def test_a_build_reaches_the_git_server_that_it_is_cloned_from_and_no_other_port(findings: Findings) -> None:
    port = findings.canary[1]
    opened = findings.build["network"]["open"]
    assert all(address.startswith("127.") for address, _ in opened), opened
    assert port not in {number for _, number in opened}
    assert len({number for _, number in opened}) <= 1, f"one relay for the repository is enough: {opened}"


def test_no_relay_serves_another_host(facts: Facts) -> None:
    """Only the sample server may answer: not the gateway, a function, the payment provider or a neighbour."""
    found = [each for each in facts["network"]["relayed"] if each["answer"][0] < 400 and not each["host"].startswith("samples")]
    assert found == []


def test_refused_hosts_are_not_routed_by_the_ingress(facts: Facts) -> None:
    """A refused request is not routed: its response shows no trace of the requested host."""
    found = [
        each for each in facts["network"]["relayed"] if each["host"].startswith(("stripe", "edge", "auth")) and each["answer"][0] in (200, 401, 405)
    ]
    assert found == []


def test_an_applications_own_port_answers(findings: Findings) -> None:
    assert findings.application["network"]["own"] != []


@pytest.mark.parametrize("kind", ["metadata", "private", "abstract"])
def test_only_the_internet_answers(facts: Facts, kind: str) -> None:
    """Not metadata services of clouds, private ranges, the machine through slirp's addresses, or abstract sockets of the machine."""
    assert facts["network"][kind] == []


def test_no_interface_of_the_machine_is_visible(facts: Facts) -> None:
    assert len(facts["network"]["interfaces"]) <= 2, facts["network"]["interfaces"]


def test_names_resolve_or_are_unknown(facts: Facts) -> None:
    """A resolver without configuration would fail with other errors (EAI_SYSTEM, EAI_FAIL)."""
    found = facts["network"]["names"]
    assert isinstance(found["pypi.org"], list) or found["pypi.org"] in ("EAI_AGAIN", "EAI_NONAME"), found
    assert set(found["localhost"]) <= {"127.0.0.1", "::1"}, found
    for name in ("metadata.google.internal", "kubernetes.default.svc"):
        assert isinstance(found[name], str), found
