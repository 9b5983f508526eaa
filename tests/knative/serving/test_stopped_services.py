"""What visitors of a stopped or paused Service read."""

import pytest

from functions.deploy.domain.standing import Restriction
from knative.local.serving.destinations import Refusal, public_host
from knative.local.serving.naming import STOPPED
from knative.local.serving.routing import RouteEntry, RoutingTable


def table(stopped: str | None = None) -> RoutingTable:
    metadata = {"namespace": "app-shop", "name": "shop", "uid": "u", "annotations": {STOPPED: stopped} if stopped else {}}
    routes = RoutingTable()
    routes.put(RouteEntry.of({"metadata": metadata}, "shop.localhost", (), lambda tag: tag))
    return routes


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("true", "capsule start"),
        *((restriction.value, "is paused: ") for restriction in Restriction),
        ("usage-exhausted", "runs again in the next period or on a larger plan"),
        ("subscription-suspended", "subscription of its owner is suspended"),
        ("over-quota", "more than the plan allows"),
    ],
)
def test_the_page_says_why(value: str, words: str) -> None:
    found = public_host(table(stopped=value), "shop.localhost")
    assert isinstance(found, Refusal) and found.status == 503 and words in found.detail


def test_other_services_are_served() -> None:
    for routes in (table(), table(stopped="false")):
        assert not isinstance(public_host(routes, "shop.localhost"), Refusal)
