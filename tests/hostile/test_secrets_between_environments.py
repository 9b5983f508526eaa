"""Staging and builds of an application cannot read its production secrets: environments are isolated like tenants."""

import secrets
import threading
from collections.abc import Iterator

import pytest

from tests.hostile.deployment import Application, attacker
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof

pytestmark = proof("tenant-isolation")

LIVE = "live"
"""Like production, but without its observation time."""


@pytest.fixture(scope="module")
def word() -> str:
    return secrets.token_hex(20)


@pytest.fixture(scope="module")
def shop(whole: Whole, word: str) -> Application:
    """An application in staging and, with a secret, in the other environment."""
    person = Person(whole).become_a_user()
    found = attacker(whole, person)
    assert found.deploy()["status"] == "succeeded", found.deployment
    path = f"/v1/apps/{found.application['id']}"
    person.post(f"{path}/environments", {"name": LIVE}, 201)
    changed = person.send("PATCH", f"{path}/environments/{LIVE}/config", {"secrets": {"PAYMENT_KEY": word}, "deploy": False})
    assert changed.status_code == 202, changed.text
    promoted = person.ended(person.post(f"{path}/promotions", {"from": "staging", "to": LIVE}, 202))
    assert promoted["status"] == "succeeded", promoted
    found.application["live"] = promoted["url"]
    return found


@pytest.fixture
def busy(whole: Whole, shop: Application, word: str) -> Iterator[None]:
    """Keep an instance of the other environment running."""
    ended = threading.Event()
    assert whole.visit(shop.application["live"], "/environment").json()["PAYMENT_KEY"] == word

    def visit() -> None:
        while not ended.wait(0.5):
            whole.visit(shop.application["live"])

    thread = threading.Thread(target=visit)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_staging_does_not_see_production_secrets(shop: Application, busy: None, word: str) -> None:
    answer = shop.post("/look", word=word, seconds=2)
    assert answer.status_code == 200, answer.text
    assert answer.json() == []


def test_a_build_does_not_see_production_secrets(shop: Application, busy: None, word: str) -> None:
    """The word in the build's own argument does not count: it is in no environment or command line."""
    shop.commit(build=[["look", word, 3]])
    assert shop.deploy()["status"] == "succeeded", shop.deployment
    assert shop.build_results["look"] == [[]]
