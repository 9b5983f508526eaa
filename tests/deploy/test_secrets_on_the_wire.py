"""A secret of an application is sealed from the gateway on: value by value, since its name is none."""

import json
from uuid import uuid4

import pytest

from functions.edge.gateway.intake import take
from functions.edge.gateway.problems import Problem
from functions.edge.gateway.routing import Route, route_of
from functions.runtime.config.registry import find


def route() -> Route:
    found = route_of(find("deploy.configure_environment"))
    assert found is not None
    return found


def test_each_value_is_sealed_and_no_name() -> None:
    said = {"variables": {"MODE": "live"}, "secrets": {"KEY": "hush", "OTHER": "quiet"}}
    intake = take(route(), said, [str(uuid4()), "staging"], lambda context, secret: f"sealed:{context}:{len(secret)}")
    sent = json.loads(intake.body)
    assert sent["secrets"] == {"KEY": "sealed:deploy:4", "OTHER": "sealed:deploy:5"}
    assert sent["variables"] == {"MODE": "live"}
    other = take(route(), said, [str(uuid4()), "staging"], lambda context, secret: "sealed:x")
    assert intake.fingerprint is not None
    assert other.fingerprint != intake.fingerprint, "another application is another request"


@pytest.mark.parametrize("secrets", ["hush", ["hush"], {"KEY": 1}, {"KEY": {"deep": "hush"}}])
def test_what_is_no_secret_is_refused_and_not_repeated(secrets: object) -> None:
    with pytest.raises(Problem) as no:
        take(route(), {"secrets": secrets}, [str(uuid4()), "staging"], lambda context, secret: "sealed:x")
    assert "hush" not in str(vars(no.value))
