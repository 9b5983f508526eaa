"""A context whose process hangs: its circuit opens, the gateway answers at once, and it closes when the context is back."""

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.gateway.live import Live, sign_in
from tests.gateway.test_ended_sessions import answer, bearer
from tests.proof import proof
from tests.runtime.harness import until

pytestmark = proof("circuits")
REQUESTS = 4


def circuit(live: Live) -> str:
    document = live.client.get("/health").json()
    return str(next(service for service in document["services"] if "auth" in service["service"])["gateway"]["circuit"])


def test_a_hanging_context_opens_its_circuit_until_it_answers_again(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"CAPSULE_GATEWAY_CIRCUIT_MIN_VOLUME": str(REQUESTS), "CAPSULE_GATEWAY_CIRCUIT_OPEN_SECONDS": "2"}
    live = Live(rabbitmq.vhost(), {"auth": postgres.database("auth")}, tmp_path_factory.mktemp("circuits"), settings=settings)
    try:
        live.start()
        _, token = sign_in(live)
        functions = live.processes[0]
        functions.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(REQUESTS) as pool:
            assert set(pool.map(lambda _: answer(live.client, token), range(REQUESTS))) == {504}
        refused = live.client.get("/v1/users/me", headers=bearer(token))
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
        assert "context auth does not answer" in refused.json()["detail"] and int(refused.headers["retry-after"]) >= 1
        assert live.client.get("/livez").status_code == 200 and circuit(live) in ("open", "half-open")
        functions.send_signal(signal.SIGCONT)
        until(lambda: answer(live.client, token) == 200 and circuit(live) == "closed", 30, "for the circuit to close")
        log = live.log("edge.gateway")
        assert "the circuit of auth is open" in log and "the circuit of auth is closed" in log
    finally:
        live.processes[0].send_signal(signal.SIGCONT)
        live.stop()
