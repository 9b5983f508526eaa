"""Orphans are reaped by the init of their sandbox: the platform gets no zombies, and the tenant can still fork."""

import httpx

from tests.hostile import host
from tests.hostile.conftest import Findings
from tests.hostile.deployment import attacker
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof


def test_orphans_of_a_build_are_reaped(findings: Findings) -> None:
    assert findings.orphans["fork_afterwards"] == "ok" and findings.orphans["zombies_seen"] == 0, findings.orphans


def test_orphans_of_an_application_are_reaped(platform: Whole, findings: Findings) -> None:
    before = host.zombies(platform)
    url = httpx.URL(findings.url)
    target = f"http://127.0.0.1:{platform.home.ports.ingress}/probe/orphans"
    found = httpx.post(target, json={"count": 50}, headers={"Host": url.netloc.decode()}, timeout=60, trust_env=False).json()
    assert found["fork_afterwards"] == "ok" and found["zombies_seen"] == 0, found
    assert host.left_over(platform, before) == []


@proof("tenant-isolation")
def test_more_orphans_than_the_process_limit_are_reaped(platform: Whole) -> None:
    found = attacker(platform, Person(platform).become_a_user(), [["probe", "orphans", {"count": 253}]])
    before = host.zombies(platform)
    assert found.deploy()["status"] == "succeeded", found.deployment
    for _ in range(4):
        assert found.post("/probe/orphans", count=253).json()["fork_afterwards"] == "ok"
    assert found.build_results["orphans"][0]["fork_afterwards"] == "ok"
    assert host.left_over(platform, before) == []
    found.delete()
