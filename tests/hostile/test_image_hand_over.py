"""A build leaves a process that swaps its result for links during the hand-over: no file of the host changes, whatever becomes of the image."""

from collections.abc import Iterator

import pytest

from tests.hostile.canary import Canary, canary
from tests.hostile.deployment import Application, attacker, is_clear_failure
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof

ROUNDS = 3


@pytest.fixture
def bait() -> Iterator[Canary]:
    with canary() as found:
        yield found


def races(whole: Whole, person: Person, daemon: str, bait: Canary) -> Application:
    found = attacker(whole, person, [["daemon", daemon, {"canary": str(bait.folder)}]])
    found.deploy()
    return found


def assert_image_or_clear_failure(found: Application) -> None:
    if found.deployment["status"] == "succeeded":
        assert found.get().json()["attacker"] is True, "the stored image is not the one that was built"
    else:
        assert is_clear_failure(found.deployment), found.deployment


def test_a_result_swapped_for_a_link_leads_nowhere(whole: Whole, mallory: Person, bait: Canary) -> None:
    found = races(whole, mallory, "swap_folder", bait)
    assert bait.differences() == [], "the platform followed a link that a build created"
    assert_image_or_clear_failure(found)
    found.delete()


@proof("tenant-isolation")
@pytest.mark.parametrize("daemon", ["swap_folder", "swap_image"])
def test_a_result_swapped_at_any_time_leads_nowhere(platform: Whole, bait: Canary, daemon: str) -> None:
    """The outcome of a race depends on chance, so it is run several times."""
    person = Person(platform).become_a_user()
    for number in range(ROUNDS):
        found = races(platform, person, daemon, bait)
        assert bait.differences() == [], f"round {number}"
        assert_image_or_clear_failure(found)
        found.delete()
