"""Folders 1,500 levels deep, deeper than the longest path: limits stay enforced, deletion is complete, and the platform restarts."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from knative.machine import processes
from tests.hostile import host
from tests.hostile.deployment import Application, attacker, remove_tree
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

pytestmark = proof("tenant-isolation")
LEVELS = 1500
NAMES = ("q", "q" * 200)
"""1,500 levels of the short name fit into a path (PATH_MAX, 4096) but not into a recursion; those of the long name
do not fit into a path."""
LIMIT_MIB = 256
"""The size limit of /tmp in the manifest of every application."""


@pytest.fixture
def damaged(own_whole: Whole) -> Iterator[Application]:
    """An application with such trees in every folder that it can write to."""
    found = attacker(own_whole, Person(own_whole).become_a_user())
    assert found.deploy()["status"] == "succeeded", found.deployment
    requests = [{"folder": folder, "levels": LEVELS, "name": name} for folder in ("/tmp", "/home/app", ".") for name in NAMES]
    made = [found.post("/probe/deep_tree", **each).json() for each in requests]
    assert any(each.get("made") == LEVELS for each in made), f"no tree was made, so nothing is shown: {made}"
    yield found
    remove_tree(own_whole.home.path / "knative" / "pods" / f"app-{found.application['name']}")


def test_the_disk_limit_is_enforced_with_deep_trees(damaged: Application) -> None:
    answer = damaged.post("/probe/disk", folder="/tmp", mib=2 * LIMIT_MIB)
    if answer.status_code == 200:
        assert answer.json()["mib"] <= LIMIT_MIB and answer.json()["error"], answer.json()
    else:
        assert answer.status_code in (502, 503), answer.text  # evicted while it wrote


def test_deep_trees_are_deleted_with_their_application(own_whole: Whole, damaged: Application) -> None:
    damaged.delete()
    folder = own_whole.home.path / "knative" / "pods" / f"app-{damaged.application['name']}"
    until(lambda: not folder.exists(), 60, f"for {folder} to be removed", every=0.5)
    until(lambda: deepest(own_whole.home.path) < LEVELS, 60, "for the trees to be removed, wherever they were moved to", every=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_platform_restarts_with_deep_trees(own_whole: Whole, damaged: Application, number: signal.Signals) -> None:
    """With the trees in folders of running instances, and with partly deleted trees."""
    controller = host.controller(own_whole)
    controller.send_signal(number)
    processes.wait_until_ended([controller], 40)
    own_whole.up()
    assert until(lambda: (answer := damaged.get()).status_code == 200 and answer, 60, "for the application to answer again")
    damaged.delete()


def deepest(folder: Path) -> int:
    """Return the levels of the deepest tree with one of the attacker's names. find(1) walks relative to descriptors."""
    done = subprocess.run(["find", str(folder), "-type", "d", "-name", "q*", "-printf", "%d\n"], capture_output=True, text=True, check=False)
    return max(map(int, done.stdout.split()), default=0)
