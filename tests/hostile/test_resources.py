"""What an application may use is bounded by the kernel, and its own: CIS Docker 5.11, 5.12, 5.29, OWASP Docker rule 7. A neighbour lives on."""

import pytest

from tests.hostile import host
from tests.hostile.deployment import Application, attacker, neighbour_of
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

pytestmark = proof("tenant-isolation")
PLACES = {"temporary": "/tmp", "home": "/home/app", "application": "."}
MOST_MIB = {"temporary": 256, "home": 1024, "application": 1024}
"""The sizeLimit of /tmp in every application's manifest; 1Gi of ephemeral storage where it names no limit."""
MOST_FILES = 300_000
GIVEN_UP = (502, 503)
"""It was ended for what it used, before it could answer."""


@pytest.fixture(scope="module")
def neighbour(platform: Whole) -> tuple[Application, str]:
    found, word = neighbour_of(platform, Person(platform).become_a_user())
    assert found.deploy()["status"] == "succeeded", found.deployment
    return found, word


@pytest.fixture(scope="module")
def greedy(platform: Whole, neighbour: tuple[Application, str]) -> Application:
    found = attacker(platform, Person(platform).become_a_user())
    assert found.deploy()["status"] == "succeeded", found.deployment
    return found


@pytest.fixture(autouse=True)
def neighbour_lives(neighbour: tuple[Application, str]) -> None:
    """The same processes as before the test, and they answer."""
    found, word = neighbour
    found.get()
    before = host.with_environment(word)
    yield
    assert found.get().json()["word"] == word
    assert set(before) & set(host.with_environment(word)), "the neighbour was started again"


@pytest.fixture(autouse=True)
def alive(greedy: Application) -> None:
    """An attacker that was ended by the test before is there again."""
    until(lambda: greedy.get().status_code == 200, 90, "for the attacker to be started again", every=0.5)


def test_processes_are_bounded(greedy: Application) -> None:
    answer = greedy.post("/probe/forks", most=2000)
    assert answer.status_code in GIVEN_UP or (answer.json()["error"] and answer.json()["made"] < 1000), answer.text


def test_threads_are_bounded(greedy: Application) -> None:
    answer = greedy.post("/probe/threads", most=3000)
    assert answer.status_code in GIVEN_UP or (answer.json()["error"] and answer.json()["made"] < 1000), answer.text


def test_memory_is_bounded(greedy: Application) -> None:
    """The kernel ends something of the attacker's own control group: the child that asked, or all of it."""
    answer = greedy.post("/probe/memory_in_child", mib=4096)
    assert answer.status_code in GIVEN_UP or answer.json()["signal"] == 9, answer.text


def test_descriptors_are_bounded(greedy: Application) -> None:
    answer = greedy.post("/probe/descriptors", most=100_000).json()
    assert answer["error"] == "Too many open files" and answer["made"] <= 65_536, answer


@pytest.mark.parametrize("unlinked", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_disk_is_bounded(greedy: Application, place: str, unlinked: bool) -> None:
    """Refused by the file system (ENOSPC, EDQUOT), or the instance is evicted. Files that are deleted and open count as any other."""
    answer = greedy.post("/probe/disk", folder=PLACES[place], mib=MOST_MIB[place] * 2, unlinked=unlinked, timeout=120)
    assert answer.status_code in GIVEN_UP or (answer.json()["error"] and answer.json()["mib"] <= MOST_MIB[place]), answer.text


@pytest.mark.parametrize("place", PLACES)
def test_files_are_bounded(greedy: Application, place: str) -> None:
    """Inodes are no tenant's to use up: a file system without free inodes takes no file of anybody."""
    answer = greedy.post("/probe/inodes", folder=PLACES[place], most=MOST_FILES, timeout=120)
    assert answer.status_code in GIVEN_UP or (answer.json()["error"] and answer.json()["made"] < MOST_FILES), answer.text


def test_a_sparse_file_uses_what_it_holds(greedy: Application) -> None:
    answer = greedy.post("/probe/sparse", folder="/tmp", gib=64)
    assert answer.status_code in GIVEN_UP or answer.json()["blocks"] < 1000, answer.text


def test_locked_memory_is_bounded(greedy: Application) -> None:
    assert greedy.post("/probe/locked_memory", mib=64).json()["locked"] is False


def test_a_flood_of_log_lines_is_bounded(platform: Whole, greedy: Application) -> None:
    """50 MB are printed; the file that is kept is rotated (10 MiB and one before it), and the neighbour's lines arrive."""
    assert greedy.post("/probe/log_flood", lines=100_000, timeout=120).status_code == 200
    assert greedy.post("/probe/log_without_end", mib=8, timeout=120).status_code == 200
    folder = platform.home.path / "knative" / "pods" / f"app-{greedy.application['name']}"
    assert sum(path.stat().st_size for path in folder.rglob("*.log*")) < 64 << 20


def test_killing_everything_kills_its_own(greedy: Application, neighbour: tuple[Application, str], platform: Whole) -> None:
    """kill(-1) reaches every process that the caller sees and may signal: those of its own sandbox. A second application of the same person lives."""
    second, word = neighbour_of(platform, greedy.person)
    assert second.deploy()["status"] == "succeeded", second.deployment
    before = host.with_environment(word)
    greedy.post("/probe/kill_everything")
    assert set(before) <= set(host.with_environment(word)) and before
    second.delete()
