"""A build leaves a process behind that swaps its result for links while the platform takes it: no file of the host changes, whatever becomes of the
image."""

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


def demand_image_or_clear_failure(found: Application) -> None:
    if found.deployment["status"] == "succeeded":
        assert found.get().json()["attacker"] is True, "what was taken is not the image that was built"
    else:
        assert is_clear_failure(found.deployment), found.deployment


def test_a_result_that_is_swapped_for_a_link_leads_nowhere(whole: Whole, mallory: Person, bait: Canary) -> None:
    found = races(whole, mallory, "swap_folder", bait)
    assert bait.differences() == [], "the platform followed a link that a build made"
    demand_image_or_clear_failure(found)
    found.delete()


@proof("tenant-isolation")
@pytest.mark.parametrize("daemon", ["swap_folder", "swap_image"])
def test_whenever_it_is_swapped(platform: Whole, bait: Canary, daemon: str) -> None:
    """A race is won or lost by chance: it is run several times."""
    person = Person(platform).become_a_user()
    for number in range(ROUNDS):
        found = races(platform, person, daemon, bait)
        assert bait.differences() == [], f"round {number}"
        demand_image_or_clear_failure(found)
        found.delete()
