"""A build's result documents are bounded: a huge or deeply nested document fails that build with a sentence and affects nobody else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from knative.machine import processes
from tests.hostile import host
from tests.hostile.deployment import Application, attacker, is_clear_failure, neighbour_of
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof

pytestmark = proof("tenant-isolation")
SECONDS = 5
"""A client's timeout: a controller that parsed 36 MB in its event loop would not answer for longer."""


@pytest.fixture(scope="module")
def neighbour(own_whole: Whole) -> Application:
    found, _ = neighbour_of(own_whole, Person(own_whole).become_a_user())
    assert found.deploy()["status"] == "succeeded", found.deployment
    return found


@contextmanager
def asking(whole: Whole, neighbour: Application) -> Iterator[list[str]]:
    """Request the neighbour's page all the time. Yields the failures."""
    faults: list[str] = []
    ended = threading.Event()
    target = f"http://127.0.0.1:{whole.home.ports.ingress}/"
    headers = {"Host": httpx.URL(neighbour.url).netloc.decode()}

    def ask() -> None:
        while not ended.wait(0.1):
            try:
                answer = httpx.get(target, headers=headers, timeout=SECONDS, trust_env=False)
                if answer.status_code != 200:
                    faults.append(f"{answer.status_code} {answer.text[:200]}")
            except httpx.HTTPError as error:
                faults.append(repr(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield faults
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("kind", ["huge", "nested"])
def test_an_oversized_manifest_fails_only_its_build(own_whole: Whole, neighbour: Application, kind: str) -> None:
    found = attacker(own_whole, Person(own_whole).become_a_user(), [["daemon", "replace_manifest", {"kind": kind}], ["sleep", 2]])
    with asking(own_whole, neighbour) as faults:
        found.deploy()
    assert is_clear_failure(found.deployment), found.deployment
    assert faults == []


def test_an_oversized_termination_message_fails_only_its_build(own_whole: Whole, neighbour: Application) -> None:
    """A termination message has 4 KiB in Kubernetes, but the file that a build can write is not limited."""
    found = attacker(own_whole, Person(own_whole).become_a_user(), [["last_words", 64], ["exit", 3]])
    with asking(own_whole, neighbour) as faults:
        found.deploy()
    assert is_clear_failure(found.deployment), found.deployment
    assert len(found.deployment["detail"]) <= 8192
    assert faults == []


def test_the_controller_restarts_and_answers(own_whole: Whole, neighbour: Application) -> None:
    """Oversized documents do not delay its next start."""
    controller = host.controller(own_whole)
    controller.terminate()
    processes.wait_until_ended([controller], 40)
    own_whole.up()
    assert neighbour.get().status_code == 200
