"""Signing out ends access in every context: at the gateway, and in functions that are woken from zero by a message past the gateway."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pika
import pytest

from functions.edge.gateway.routing import Table
from functions.runtime.config.registry import Registry
from functions.runtime.messaging.exchanges import COMMANDS, REPLIES
from functions.wire.cloudevents import new_message, stamp
from knative.machine import keys
from tests.access.inputs import valid_input
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

QUERIES = ("auth.profile", "billing.customer", "deploy.quota", "monitor.alerts")
"""One of each context."""


def ask(whole: Whole, function: str, token: str, body: Any) -> tuple[int, Any]:
    """Send a message as the gateway does, and return status and document of the reply."""
    with pika.BlockingConnection(pika.URLParameters(keys.amqp_url(whole.home))) as connection:
        channel = connection.channel()
        queue = channel.queue_declare(f"{REPLIES}.{uuid.uuid4()}", exclusive=True).method.queue
        channel.queue_bind(queue, REPLIES, queue)
        now = datetime.now(UTC)
        more = {"correlationid": str(uuid.uuid4()), "deadline": stamp(now + timedelta(minutes=2)), "replyto": queue, "token": token}
        message = new_message(function, "/test", json.dumps(body).encode(), now, **more)
        channel.basic_publish(COMMANDS, function, message.body, pika.BasicProperties(headers=message.headers()), mandatory=True)
        method, properties, answer = next(channel.consume(queue, auto_ack=True, inactivity_timeout=120))
        assert method is not None, f"{function} did not answer"
        return int(properties.headers["status"]), json.loads(answer) if answer else None


@pytest.fixture
def ended(whole: Whole) -> tuple[Person, str]:
    """A user with a second session, and the access token of the first one, which was signed out."""
    ada = Person(whole).become_a_user()
    token = str(ada.session["accessToken"])
    assert all(ask(whole, function, token, {})[0] == 200 for function in QUERIES)
    assert ada.send("DELETE", "/v1/sessions/current").status_code == 204
    ada.sign_in()
    return ada, token


def test_signing_out_ends_access_in_every_context(whole: Whole, ended: tuple[Person, str]) -> None:
    ada, token = ended
    until(lambda: whole.send("GET", "/v1/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401, why="for the gateway")
    for function in QUERIES:
        until(lambda function=function: ask(whole, function, token, {})[0] == 401, why=f"for {function}")
        status, problem = ask(whole, function, token, {})
        assert (status, problem["type"]) == (401, "/problems/unauthenticated")
        assert ask(whole, function, str(ada.session["accessToken"]), {})[0] == 200


@proof("sessions")
def test_every_function_with_a_caller_refuses_an_ended_session(whole: Whole, ended: tuple[Person, str]) -> None:
    _, token = ended
    for function in QUERIES:
        until(lambda function=function: ask(whole, function, token, {})[0] == 401, why=f"for the context of {function}")
    routes = [route for route in Table(Registry.load().declarations).routes if not route.declaration.allow.anyone and not route.secrets]
    assert len(routes) > 60
    for route in routes:
        ids = {name: str(uuid.uuid4()) for name in ("userId", *route.path_names)} | {"environment": "staging", "number": 1}
        status, problem = ask(whole, route.name, token, valid_input(route, ids))
        assert status == (403 if route.declaration.allow.roles else 401), (route.name, status, problem)
