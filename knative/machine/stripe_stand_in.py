"""A stand-in for Stripe on one machine: localstripe, which speaks Stripe's API, keeps state and sends signed webhooks, with what it lacks added.

It moves no money and is in no overlay but `local`; with a key of one's own (CAPSULE_STRIPE_API_KEY when `up` is called) it stands idle. Added are
idempotency keys, which billing relies on; the check that the key is ours; state in a file of ours, so that it may scale to zero; loopback only.
Its test cards are Stripe's: pm_card_visa, pm_card_visa_chargeDeclined, pm_card_chargeCustomerFail.
"""

import asyncio
import hashlib
import os
import pickle
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from localstripe import resources, server
from localstripe.webhooks import register_webhook

NOTICES = ["payment_intent.succeeded", "payment_intent.payment_failed"]
REMEMBERED = "idempotency:"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def key_of(request: web.Request) -> str:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    return b64decode(shown).decode("utf-8", "replace").partition(":")[0] if scheme == "Basic" else shown


def only_ours(key: str) -> Any:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/healthz":
            return web.json_response({"status": "pass"})
        if key_of(request) != key:
            return web.json_response({"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}, status=401)
        return await handler(request)

    return check


def once() -> Any:
    """The same key gives the same answer; with other parameters it is refused. As Stripe does, but for as long as the state is kept."""
    locks: dict[str, asyncio.Lock] = {}

    @web.middleware
    async def remember(request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or not key:
            return await handler(request)
        asked = hashlib.sha256(request.path.encode() + b"\n" + await request.read()).hexdigest()
        async with locks.setdefault(key, asyncio.Lock()):
            if (known := resources.store.get(REMEMBERED + key)) is None:
                answer = await handler(request)
                assert isinstance(answer, web.Response) and isinstance(answer.body, bytes)
                if answer.status < 500:
                    resources.store[REMEMBERED + key] = (asked, answer.status, answer.body)
                return answer
        before, status, body = known
        if before != asked:
            message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            return web.json_response({"error": {"type": "idempotency_error", "message": message}}, status=400)
        return web.Response(status=status, body=body, content_type="application/json", headers={"Idempotent-Replayed": "true"})

    return remember


def keep_state_in(file: Path) -> None:
    """Instead of a file under /tmp that everybody shares. Written whole or not at all."""

    def dump(store: Any) -> None:
        temporary = file.with_suffix(".new")
        temporary.write_bytes(pickle.dumps(dict(store), protocol=pickle.HIGHEST_PROTOCOL))
        temporary.replace(file)

    resources.Store.dump_to_disk = dump
    if file.exists():
        dict.update(resources.store, pickle.loads(file.read_bytes()))  # our own file, in a folder that is ours


def application(key: str, webhook: str, secret: str) -> web.Application:
    register_webhook("capsule", webhook, secret, NOTICES)
    app: web.Application = server.app
    app.middlewares.insert(0, once())
    app.middlewares.insert(0, only_ours(key))
    return app


def main() -> None:
    keep_state_in(Path(os.environ["CAPSULE_STRIPE_STATE"]))
    app = application(os.environ["CAPSULE_STRIPE_API_KEY"], os.environ["CAPSULE_STRIPE_WEBHOOK_URL"], os.environ["CAPSULE_STRIPE_WEBHOOK_SECRET"])
    host = os.environ.get("CAPSULE_BIND", "127.0.0.1")
    web.run_app(app, host=host, port=int(os.environ["PORT"]), print=None, handle_signals=True, shutdown_timeout=2.0)


if __name__ == "__main__":
    main()
