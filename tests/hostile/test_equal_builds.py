"""Equal source built by several tenants at the same time: each gets its own image."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from tests.hostile.deployment import Application, application
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof

pytestmark = proof("tenant-isolation")
FILES, TENANTS, ROUNDS = 3000, 3, 2
"""Many files, so that the hand-over of the image takes long enough for a shared temporary name to collide."""


def test_concurrent_builds_of_equal_source_succeed(whole: Whole) -> None:
    people = [Person(whole).become_a_user() for _ in range(TENANTS)]
    for _ in range(ROUNDS):
        word = secrets.token_hex(8)
        contents = {"index.html": word, **{f"page-{number}.html": f"{word} {number}" for number in range(FILES)}}
        found = [application(whole, person, contents) for person in people]
        with ThreadPoolExecutor(TENANTS) as pool:
            ended = list(pool.map(Application.deploy, found))
        assert [each["status"] for each in ended] == ["succeeded"] * TENANTS, [each["detail"] for each in ended]
        assert [each.get().text for each in found] == [word] * TENANTS
        for each in found:
            each.delete()
