"""The gateway seals the secrets of an application value by value; their names stay readable."""

import json
from uuid import uuid4

import pytest

from functions.edge.gateway.parsing import parse_request
from functions.edge.gateway.problems import Problem
from functions.edge.gateway.routing import Route, route_of
from functions.runtime.config.registry import find


def route() -> Route:
    route = route_of(find("deploy.configure_environment"))
    assert route is not None
    return route


def test_values_are_sealed_and_names_are_not() -> None:
    body = {"variables": {"MODE": "live"}, "secrets": {"KEY": "hush", "OTHER": "quiet"}}
    parsed = parse_request(route(), body, [str(uuid4()), "staging"], lambda context, secret: f"sealed:{context}:{len(secret)}")
    sent = json.loads(parsed.body)
    assert sent["secrets"] == {"KEY": "sealed:deploy:4", "OTHER": "sealed:deploy:5"}
    assert sent["variables"] == {"MODE": "live"}
    other = parse_request(route(), body, [str(uuid4()), "staging"], lambda context, secret: "sealed:x")
    assert parsed.fingerprint is not None
    assert other.fingerprint != parsed.fingerprint, "another application is another request"


@pytest.mark.parametrize("secrets", ["hush", ["hush"], {"KEY": 1}, {"KEY": {"deep": "hush"}}])
def test_an_invalid_secret_is_rejected_without_repeating_it(secrets: object) -> None:
    with pytest.raises(Problem) as rejection:
        parse_request(route(), {"secrets": secrets}, [str(uuid4()), "staging"], lambda context, secret: "sealed:x")
    assert "hush" not in str(vars(rejection.value))
