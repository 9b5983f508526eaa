"""What ends the access to a one-off command, as the Service of terminals asks the deploy context, in memory."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import pytest
from starlette.requests import Request
from starlette.websockets import WebSocket

from functions.deploy import ports
from functions.deploy.commands.attach_run import AttachRun
from functions.deploy.commands.start_run import StartRun
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.run import RunStreams
from functions.edge.gateway.ended_sessions import EndedSessions
from functions.edge.terminal import terminal
from functions.edge.terminal.cluster import Cluster
from functions.edge.terminal.grants import Grants, Refused
from functions.edge.terminal.terminal import Terminal
from functions.kernel import Caller, Grant, Membership, Rejection, Role, new_id
from functions.runtime.config.registry import Registry
from functions.runtime.config.settings import Settings
from functions.runtime.messaging.bus import Reply
from tests.deploy.deploy_capsule import OWNER, DeployCapsule


@dataclass
class Requester:
    """Calls the function that a message names."""

    capsule: DeployCapsule

    async def request(self, routing_key: str, headers: dict[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply:
        [declaration] = [each for each in Registry.load().declarations if each.name == routing_key]
        try:
            output = await self.capsule.call(declaration.input.model_validate_json(body))  # type: ignore[union-attr]
        except Rejection as rejection:
            return Reply("rejected", rejection.status, {}, orjson.dumps({"detail": rejection.detail}))
        return Reply("done", 200, {}, output.model_dump_json(by_alias=True).encode())


async def test_who_loses_access_while_the_command_starts_is_not_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(terminal, "POLL_SECONDS", 0.01)
    capsule = DeployCapsule()
    serving = await capsule.release()
    member, membership = Caller(uuid4()), new_id()
    memberships = capsule.port(ports.Memberships)
    grant = (Grant(serving.application_id, "staging"),)
    await memberships.save(Membership(membership, OWNER.user_id, member.user_id, Role.VIEWER, grant))
    start = StartRun(application_id=serving.application_id, environment=EnvironmentName("staging"), command="sh", streams=RunStreams.PIPES)
    run = await capsule.call(start, caller=member)
    ticket = await capsule.call(AttachRun(application_id=serving.application_id, run_id=run.id), caller=member)

    requester = Requester(capsule)
    grants = Grants(requester, capsule.clock)
    service = Terminal(requester, EndedSessions(requester, capsule.clock), Cluster(Settings({})), capsule.clock)  # type: ignore[arg-type]
    redeemed = await grants.redeem(ticket.ticket)
    assert await grants.is_allowed(redeemed) and await grants.find_pod(redeemed) is None

    await memberships.save(Membership(membership, OWNER.user_id, member.user_id, Role.VIEWER))
    assert not await grants.is_allowed(redeemed)
    with pytest.raises(Refused, match="no longer run commands"):
        await service._await_pod(redeemed)


async def test_what_is_no_websocket_and_a_connection_without_a_ticket_get_a_problem_document() -> None:
    capsule = DeployCapsule()
    requester = Requester(capsule)
    service = Terminal(requester, EndedSessions(requester, capsule.clock), Cluster(Settings({})), capsule.clock)  # type: ignore[arg-type]
    plain = await service.handle(Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}))
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/", "headers": [], "subprotocols": [], "extensions": {"websocket.http.response": {}}}
    await service.handle_websocket(WebSocket(scope, receive, send))
    start, body = sent
    headers = dict(start["headers"])
    assert (start["status"], headers[b"www-authenticate"]) == (401, b"Bearer")
    assert plain.status_code == 426 and plain.headers["upgrade"] == "websocket"
    answers = [(headers[b"content-type"].decode(), body["body"], "unauthenticated"), (plain.media_type, plain.body, "upgrade-required")]
    for media_type, content, slug in answers:
        assert media_type == "application/problem+json"
        assert orjson.loads(content)["type"] == f"/problems/{slug}"
