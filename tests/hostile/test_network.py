"""Of the network an application reaches the internet and its own port, a build moreover what it is cloned from; nothing of this machine answers."""

from typing import Any

import pytest

from tests.hostile.conftest import Findings

Facts = dict[str, Any]


def test_no_port_of_this_machine_answers_an_application(findings: Findings) -> None:
    assert len(findings.targets["doors"]) > 20, "without servers outside, this shows nothing"
    assert findings.application["network"]["open"] == []


def test_a_build_reaches_the_git_server_that_it_is_cloned_from_and_no_other_port(findings: Findings) -> None:
    port = findings.canary[1]
    opened = findings.build["network"]["open"]
    assert all(address.startswith("127.") for address, _ in opened), opened
    assert port not in {number for _, number in opened}
    assert len({number for _, number in opened}) <= 1, f"one relay for the repository is enough: {opened}"


def test_no_relay_asks_another_host(facts: Facts) -> None:
    """The sample server may answer for itself; nobody answers for the gateway, for a function, for the payment provider or for a neighbour."""
    found = [each for each in facts["network"]["relayed"] if each["answer"][0] < 400 and not each["host"].startswith("samples")]
    assert found == []


def test_the_answers_of_a_relay_do_not_come_from_the_platform_s_ingress(facts: Facts) -> None:
    """What is refused is refused before it is routed: no trace of the ingress or of the asked host in the answer."""
    found = [
        each for each in facts["network"]["relayed"] if each["host"].startswith(("stripe", "edge", "auth")) and each["answer"][0] in (200, 401, 405)
    ]
    assert found == []


def test_its_own_port_answers(findings: Findings) -> None:
    assert findings.application["network"]["own"] != []


@pytest.mark.parametrize("kind", ["metadata", "private", "abstract"])
def test_nothing_beside_the_internet_answers(facts: Facts, kind: str) -> None:
    """Metadata services of clouds; private ranges and the machine as slirp shows it; abstract sockets of the machine."""
    assert facts["network"][kind] == []


def test_it_sees_no_interface_of_the_machine(facts: Facts) -> None:
    assert len(facts["network"]["interfaces"]) <= 2, facts["network"]["interfaces"]


def test_names_are_resolved_or_fail_as_unknown(facts: Facts) -> None:
    """A resolver that is not configured fails otherwise (EAI_SYSTEM, EAI_FAIL), and leads every program astray."""
    found = facts["network"]["names"]
    assert isinstance(found["pypi.org"], list) or found["pypi.org"] in ("EAI_AGAIN", "EAI_NONAME"), found
    assert set(found["localhost"]) <= {"127.0.0.1", "::1"}, found
    for name in ("metadata.google.internal", "kubernetes.default.svc"):
        assert isinstance(found[name], str), found
