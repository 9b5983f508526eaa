"""An application's resources are limited, and exceeding them affects no neighbour: CIS Docker 5.11, 5.12, 5.29, OWASP Docker rule 7."""

from collections.abc import Iterator

import pytest

from tests.hostile import host
from tests.hostile.deployment import Application, attacker, kept_busy, neighbour_of
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

pytestmark = proof("tenant-isolation")
PLACES = {"temporary": "/tmp", "home": "/home/app", "application": "."}
LIMIT_MIB = {"temporary": 256, "home": 1024, "application": 1024}
"""The sizeLimit of /tmp in every application's manifest; 1Gi of ephemeral storage without a limit."""
MAX_FILES = 300_000
ENDED_STATUSES = (502, 503)
"""The instance was ended for exceeding a limit before it could answer."""


@pytest.fixture(scope="module")
def neighbour(platform: Whole) -> Iterator[tuple[Application, str]]:
    """A neighbour that gets requests all the time, so that it is not scaled to zero."""
    found, word = neighbour_of(platform, Person(platform).become_a_user())
    assert found.deploy()["status"] == "succeeded", found.deployment
    with kept_busy(found):
        yield found, word


@pytest.fixture(scope="module")
def greedy(platform: Whole, neighbour: tuple[Application, str]) -> Application:
    found = attacker(platform, Person(platform).become_a_user())
    assert found.deploy()["status"] == "succeeded", found.deployment
    return found


@pytest.fixture(autouse=True)
def neighbour_lives(neighbour: tuple[Application, str]) -> Iterator[None]:
    """Check that the neighbour still answers, from the same processes."""
    found, word = neighbour
    found.get()
    before = host.with_environment(word)
    yield
    assert found.get().json()["word"] == word
    assert set(before) & set(host.with_environment(word)), "the neighbour was restarted"


@pytest.fixture(autouse=True)
def alive(greedy: Application) -> None:
    """Wait until an attacker that the previous test ended has restarted."""
    until(lambda: greedy.get().status_code == 200, 90, "for the attacker to restart", every=0.5)


def test_processes_are_bounded(greedy: Application) -> None:
    answer = greedy.post("/probe/forks", most=2000)
    assert answer.status_code in ENDED_STATUSES or (answer.json()["error"] and answer.json()["made"] < 1000), answer.text


def test_threads_are_bounded(greedy: Application) -> None:
    answer = greedy.post("/probe/threads", most=3000)
    assert answer.status_code in ENDED_STATUSES or (answer.json()["error"] and answer.json()["made"] < 1000), answer.text


def test_memory_is_bounded(greedy: Application) -> None:
    """The kernel kills the child that allocates, or everything in the attacker's control group."""
    answer = greedy.post("/probe/memory_in_child", mib=4096)
    assert answer.status_code in ENDED_STATUSES or answer.json()["signal"] == 9, answer.text


def test_descriptors_are_bounded(greedy: Application) -> None:
    answer = greedy.post("/probe/descriptors", most=100_000).json()
    assert answer["error"] == "Too many open files" and answer["made"] <= 65_536, answer


@pytest.mark.parametrize("unlinked", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_disk_is_bounded(greedy: Application, place: str, unlinked: bool) -> None:
    """The file system refuses (ENOSPC, EDQUOT), or the instance is evicted.

    Files that are deleted and open count too.
    """
    answer = greedy.post("/probe/disk", folder=PLACES[place], mib=LIMIT_MIB[place] * 2, unlinked=unlinked, timeout=120)
    assert answer.status_code in ENDED_STATUSES or (answer.json()["error"] and answer.json()["mib"] <= LIMIT_MIB[place]), answer.text


@pytest.mark.parametrize("place", PLACES)
def test_files_are_bounded(greedy: Application, place: str) -> None:
    """A file system without free inodes accepts no file of anybody."""
    answer = greedy.post("/probe/inodes", folder=PLACES[place], most=MAX_FILES, timeout=120)
    assert answer.status_code in ENDED_STATUSES or (answer.json()["error"] and answer.json()["made"] < MAX_FILES), answer.text


def test_a_sparse_file_uses_only_its_data(greedy: Application) -> None:
    answer = greedy.post("/probe/sparse", folder="/tmp", gib=64)
    assert answer.status_code in ENDED_STATUSES or answer.json()["blocks"] < 1000, answer.text


def test_locked_memory_is_bounded(greedy: Application) -> None:
    assert greedy.post("/probe/locked_memory", mib=64).json()["locked"] is False


def test_a_flood_of_log_lines_is_bounded(platform: Whole, greedy: Application) -> None:
    """20 MB are printed; the log file is rotated (10 MiB and the one before it)."""
    assert greedy.post("/probe/log_flood", lines=25_000, timeout=180).status_code == 200
    assert greedy.post("/probe/log_without_end", mib=8, timeout=120).status_code == 200
    folder = platform.home.path / "knative" / "pods" / f"app-{greedy.application['name']}"
    assert sum(path.stat().st_size for path in folder.rglob("*.log*")) < 64 << 20


def test_kill_everything_reaches_only_its_own_sandbox(greedy: Application, neighbour: tuple[Application, str], platform: Whole) -> None:
    """kill(-1) reaches only processes of its own sandbox. A second application of the same person keeps running."""
    second, word = neighbour_of(platform, greedy.person)
    assert second.deploy()["status"] == "succeeded", second.deployment
    before = host.with_environment(word)
    greedy.post("/probe/kill_everything")
    assert set(before) <= set(host.with_environment(word)) and before
    second.delete()
