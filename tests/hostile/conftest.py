"""One platform and one attacker for the tests of a run.

The attacker's findings are collected once and checked by many tests.

`platform` has two modes: started by this account, and (in a proof) by an ordinary user, where bubblewrap creates the
sandboxes.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from tests.hostile import host
from tests.hostile.deployment import attacker, neighbour_of
from tests.hostile.ordinary_user import ordinary_user
from tests.journeys.conftest import own_whole, whole
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof

__all__ = ["own_whole", "whole"]
MODES = ["own account", pytest.param("ordinary user", marks=proof("tenant-isolation"))]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if detect() is Isolation.NONE:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="neither root's namespaces nor bubblewrap work here: there is no sandbox to test"))


@pytest.fixture(scope="session", params=MODES)
def platform(request: pytest.FixtureRequest) -> Iterator[Whole]:
    """A whole Capsule in one of the modes."""
    if request.param == "own account":
        yield request.getfixturevalue("whole")
        return
    if os.geteuid() != 0:
        pytest.skip("already an ordinary user: the tests of `own account` are those of this mode")
    with ordinary_user() as found:
        yield found


@dataclass
class Findings:
    """What one attacker found in its application and in its build."""

    application: dict[str, Any]
    build: dict[str, Any]
    pushed: list[int]
    """Exit codes of git: clone, commit, push to a neighbour's repository."""
    orphans: dict[str, Any]
    """Of its build."""
    heads: list[str]
    """Of the neighbour's repository, before and after."""
    url: str
    neighbour_url: str
    neighbour_namespaces: dict[str, str]
    """Of an instance that ran at the same time as the application."""
    is_root: bool
    """Whether the platform runs as root and can map user ids."""
    targets: dict[str, Any]
    word: str
    """A neighbour's secret."""
    canary: tuple[str, int]
    home: str


@pytest.fixture(scope="session")
def findings(platform: Whole) -> Findings:
    """Collected once for each platform, by the first worker that needs them."""
    kept = platform.home.run / "hostile-findings.json"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_text(json.dumps(_collect(platform)))
    return Findings(**json.loads(kept.read_text()))


def _collect(whole: Whole) -> dict[str, Any]:
    with host.listening_canaries() as (name, port):
        other, word = neighbour_of(whole, Person(whole).become_a_user())
        assert other.deploy()["status"] == "succeeded", other.deployment
        targets = host.targets(whole, f"app-{other.application['name']}", word)
        for address in (*host.addresses(), "10.0.2.2"):
            targets["open_ports"].append([address, port])
        targets["abstract"].append(name)
        target, before = other.repository.url, other.repository.head
        steps = [["facts"], ["push", target, "pushed"], ["probe", "orphans", {"count": 50}]]
        found = attacker(whole, Person(whole).become_a_user(), steps, targets)
        assert found.deploy()["status"] == "succeeded", found.deployment
        results, answer = found.build_results, found.get("/facts")
        assert answer.status_code == 200, answer.text
        assert other.get("/").status_code == 200
        neighbour = host.of_namespace(f"app-{other.application['name']}")[-1]
        return {
            "application": answer.json(),
            "neighbour_namespaces": host.namespaces(neighbour),
            "build": results["facts"][0],
            "pushed": results["push"][0],
            "orphans": results["orphans"][0],
            "heads": (before, other.repository.head),
            "url": found.url,
            "neighbour_url": other.url,
            "is_root": host.controller(whole).uids().effective == 0,
            "targets": targets,
            "word": word,
            "canary": (name, port),
            "home": str(whole.home.path),
        }


@pytest.fixture(scope="session", params=["application", "build"])
def facts(request: pytest.FixtureRequest, findings: Findings) -> dict[str, Any]:
    """The findings of the application or the build: a test that uses them runs for both."""
    found: dict[str, Any] = getattr(findings, request.param)
    broken = {name: part["failed"] for name, part in found.items() if isinstance(part, dict) and "failed" in part}
    assert not broken, f"probes failed in a way that says nothing: {broken}"
    return found


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest) -> str:
    """Return "application" or "build", as the `facts` of the same test."""
    return str(request.node.callspec.params["facts"]) if hasattr(request.node, "callspec") else ""


@pytest.fixture(scope="module")
def mallory(whole: Whole) -> Person:
    return Person(whole).become_a_user()


@pytest.fixture(scope="module")
def alice(whole: Whole) -> Person:
    return Person(whole).become_a_user()
