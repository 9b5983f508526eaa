"""The gateway seals the secrets of an application value by value; their names stay readable."""

import json
from uuid import uuid4

import pytest
from functions.edge.gateway.intake import take

from functions.edge.gateway.problems import Problem
from functions.edge.gateway.routing import Route, route_of
from functions.runtime.config.registry import find


def route() -> Route:
    route = route_of(find("deploy.configure_environment"))
    assert route is not None
    return route


def test_values_are_sealed_and_names_are_not() -> None:
    body = {"variables": {"MODE": "live"}, "secrets": {"KEY": "hush", "OTHER": "quiet"}}
    intake = take(route(), body, [str(uuid4()), "staging"], lambda context, secret: f"sealed:{context}:{len(secret)}")
    sent = json.loads(intake.body)
    assert sent["secrets"] == {"KEY": "sealed:deploy:4", "OTHER": "sealed:deploy:5"}
    assert sent["variables"] == {"MODE": "live"}
    other = take(route(), body, [str(uuid4()), "staging"], lambda context, secret: "sealed:x")
    assert intake.fingerprint is not None
    assert other.fingerprint != intake.fingerprint, "another application is another request"


@pytest.mark.parametrize("secrets", ["hush", ["hush"], {"KEY": 1}, {"KEY": {"deep": "hush"}}])
def test_an_invalid_secret_is_rejected_without_repeating_it(secrets: object) -> None:
    with pytest.raises(Problem) as rejection:
        take(route(), {"secrets": secrets}, [str(uuid4()), "staging"], lambda context, secret: "sealed:x")
    assert "hush" not in str(vars(rejection.value))
