"""How long after its revocation something is refused: 200 revocations, at the gateway and past it in every context, also in functions at zero.

Prints the figures. What is measured: from the response of the revocation until a refusal has arrived, with what waking a function takes.
"""

import itertools
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pika
import pytest

from functions.edge.gateway.routing import Table
from functions.kernel import Kind, Scope
from functions.runtime.config.registry import Registry
from functions.runtime.config.settings import Settings
from functions.runtime.messaging.exchanges import COMMANDS, REPLIES
from functions.runtime.security import encryption
from functions.wire.cloudevents import new_message, stamp
from knative.machine import keys, mailbox
from tests.access.inputs import valid_input
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

ROUNDS = 50
CONTEXTS = ("auth", "billing", "deploy", "monitor")
REFUSED = (401, 403, 404)
SIGN_IN_AFTER_SECONDS = 400
"""Creating a token needs a sign-in of the last ten minutes."""
RequestTo = tuple[str, str, Mapping[str, Any]]
"""Function, access token and body."""


class Line:
    """A connection that sends messages as the gateway does."""

    def __init__(self, whole: Whole) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(keys.amqp_url(whole.home)))
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare(f"{REPLIES}.{uuid.uuid4()}", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, REPLIES, self._queue)

    def ask(self, function: str, token: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        now, correlation = datetime.now(UTC), str(uuid.uuid4())
        more = {"correlationid": correlation, "deadline": stamp(now + timedelta(minutes=2)), "replyto": self._queue}
        message = new_message(function, "/test", json.dumps(body).encode(), now, **more, **({"token": token} if token else {}))
        self._channel.basic_publish(COMMANDS, function, message.body, pika.BasicProperties(headers=message.headers()), mandatory=True)
        method, properties, answer = next(self._channel.consume(self._queue, auto_ack=True, inactivity_timeout=120))
        assert method is not None, f"{function} did not answer"
        return int(properties.headers["status"]), json.loads(answer) if answer else None


class Figures:
    """Milliseconds by what was revoked and where it was refused."""

    def __init__(self, whole: Whole) -> None:
        self.whole, self.found = whole, defaultdict[tuple[str, str], list[float]](list)
        self._lines = {place: Line(whole) for place in CONTEXTS}
        self._pool = ThreadPoolExecutor(len(CONTEXTS) + 1)

    def measure(self, kind: str, requests: Mapping[str, RequestTo], bearer: str = "", path: str = "/v1/teams") -> None:
        """Ask everywhere at once until each has refused. `requests`: by context. `bearer`: what the gateway refuses."""
        begin = time.perf_counter()
        places: dict[str, Callable[[], int]] = {}
        for context, (function, token, body) in requests.items():
            places[context] = lambda context=context, function=function, token=token, body=body: self._lines[context].ask(function, token, body)[0]
        if bearer:
            headers = {"Authorization": f"Bearer {bearer}"}
            places["gateway"] = lambda: self.whole.send("GET", path, headers=headers).status_code

        def refused(place: str) -> float:
            while (status := places[place]()) not in REFUSED:
                assert time.perf_counter() - begin < 60, f"{kind}: {requests.get(place, path)} answers {status} at {place}"
            return (time.perf_counter() - begin) * 1000

        for place, milliseconds in zip(places, self._pool.map(refused, places), strict=True):
            self.found[kind, place].append(milliseconds)

    def exchange(self, sealer: encryption.Sealer, api_token: str) -> str:
        status, view = self._lines["auth"].ask("auth.exchange_token", "", {"token": sealer.seal("auth", api_token)})
        assert status == 200, view
        return str(view["accessToken"])

    def table(self) -> str:
        lines = [f"{'revoked':<16} {'refused by':<10} {'n':>4} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}"]
        rows = [*sorted(self.found.items()), (("all", "all"), [each for found in self.found.values() for each in found])]
        for (kind, place), found in rows:
            ordered = sorted(found)
            p50, p99 = (ordered[min(int(len(ordered) * part), len(ordered) - 1)] for part in (0.5, 0.99))
            lines.append(f"{kind:<16} {place:<10} {len(found):>4} {p50:>8.0f} {p99:>8.0f} {ordered[-1]:>8.0f}")
        return "\n".join(lines)


def requests_of(context: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Queries of a context that need no object, with their input, one after another: most of them are at zero when their turn comes."""
    routes = [route for route in Table(Registry.load().declarations).routes if route.former is None and not route.path_names]
    requests = {
        route.name: valid_input(route, {})
        for route in routes
        if route.declaration.context == context and route.declaration.kind is Kind.QUERY and route.declaration.scope is Scope.READ
        if not route.declaration.allow.anyone
    }
    return itertools.cycle(list(requests.items()))


@proof("sessions")
def test_what_is_revoked_is_refused_everywhere(whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ada, bob = Person(whole).become_a_user(), Person(whole).become_a_user()
    team = ada.post("/v1/teams", {"name": "crew"}, 201)["id"]
    figures, turns = Figures(whole), {context: requests_of(context) for context in CONTEXTS}
    for context in CONTEXTS:
        folder = tmp_path / encryption.PUBLIC_KEY.format(context=context).lstrip("/")
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text(json.dumps(encryption.public_key(keys.sealing_keys(whole.home, context))))
    sealer, signed_in_at = encryption.Sealer(Settings({"CAPSULE_ROOT": str(tmp_path)})), time.monotonic()

    def everywhere(token: str) -> dict[str, RequestTo]:
        calls = {context: next(turns[context]) for context in CONTEXTS}
        return {context: (function, token, body) for context, (function, body) in calls.items()}

    def is_accepted(token: str, path: str = "/v1/teams") -> bool:
        return whole.send("GET", path, headers={"Authorization": f"Bearer {token}"}).status_code == 200

    for _ in range(ROUNDS):
        session = Person(whole, ada.email, ada.password)
        session.sign_in()
        token = str(session.session["accessToken"])
        assert is_accepted(token)
        assert ada.send("DELETE", f"/v1/sessions/{session.session['sessionId']}").status_code == 204
        figures.measure("session", everywhere(token), token)

    for number in range(ROUNDS):
        if time.monotonic() - signed_in_at > SIGN_IN_AFTER_SECONDS:
            ada.sign_in()
            signed_in_at = time.monotonic()
        created = ada.post("/v1/tokens", {"name": f"t{number}", "scopes": ["read"]}, 201)
        access = figures.exchange(sealer, created["token"])
        assert is_accepted(created["token"])
        assert ada.send("DELETE", f"/v1/tokens/{created['id']}").status_code == 204
        figures.measure("API token", everywhere(access), created["token"])

    ada.sign_in()
    accounts = f"/v1/teams/{team}/service-accounts"
    account = f"{accounts}/{ada.post(accounts, {'name': 'ci', 'role': 'admin'}, 201)['id']}"
    api_token = ada.post(f"{account}/tokens", {"name": "t", "scopes": ["read"]}, 201)["token"]
    for _ in range(ROUNDS):
        until(lambda: is_accepted(api_token, f"/v1/quota?teamId={team}"), 120, "for the service account", every=1)
        access = figures.exchange(sealer, api_token)
        assert ada.send("PATCH", account, {"isDisabled": True}).status_code == 200
        figures.measure("service account", everywhere(access), api_token)
        assert ada.send("PATCH", account, {"isDisabled": False}).status_code == 200

    ada.post(f"/v1/teams/{team}/invitations", {"email": bob.email, "role": "developer"}, 201)
    letter = until(lambda: mailbox.find_newest(whole.home, bob.email, "crew"), 60, "for the invitation")
    bob.post("/v1/invitations/acceptance", {"token": mailbox.find_token(letter)}, 200)
    member = f"/v1/teams/{team}/members/{bob.get('/v1/users/me')['id']}"
    reads, pays, token = ("deploy.quota", {"teamId": team}), ("billing.subscription", {"teamId": team}), str(bob.session["accessToken"])
    for role, lost in itertools.islice(itertools.cycle((("billing", reads), ("developer", pays))), ROUNDS):
        function, body = lost
        path = "/v1/quota" if lost is reads else "/v1/billing/subscription"
        until(lambda path=path: is_accepted(token, f"{path}?teamId={team}"), 60, f"for {path}")
        assert ada.send("PATCH", member, {"role": role}).status_code == 200
        figures.measure("role of a member", {function.partition(".")[0]: (function, token, body)}, token, f"{path}?teamId={team}")
    until(lambda: is_accepted(token, f"/v1/quota?teamId={team}") or is_accepted(token, f"/v1/billing/subscription?teamId={team}"), 60)
    assert ada.send("DELETE", member).status_code == 204
    for context, (function, body) in {"deploy": reads, "billing": pays}.items():
        figures.measure("member", {context: (function, token, body)}, token, f"/v1/teams/{team}")

    with capsys.disabled():
        print(f"\n{figures.table()}")
    assert {place for _, place in figures.found} == {"gateway", *CONTEXTS}
