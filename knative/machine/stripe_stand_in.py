"""A stand-in for Stripe on one machine: localstripe, which implements Stripe's API with state and signed webhooks, plus what billing needs.

It moves no money. Only the local overlays contain it, and with CAPSULE_STRIPE_API_KEY set for `up` it is unused. Added to localstripe: idempotency
keys, a check of the API key, state in a file of the state folder (so that it can scale to zero), and binding to loopback.
Test cards are Stripe's: pm_card_visa, pm_card_visa_chargeDeclined, pm_card_chargeCustomerFail.
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

from functions.billing.adapters.variables import STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import BIND, PORT
from knative.machine import stripe_disputes
from knative.machine.home import LOOPBACK
from knative.machine.variables import STRIPE_STATE, STRIPE_WEBHOOK_URL

PAYMENT_EVENTS = ["payment_intent.succeeded", "payment_intent.payment_failed"]
IDEMPOTENCY_PREFIX = "idempotency:"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def api_key(request: web.Request) -> str:
    """The API key of a request, from Basic or Bearer authentication."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return b64decode(credentials).decode("utf-8", "replace").partition(":")[0] if scheme == "Basic" else credentials


def require_key(key: str) -> Any:
    """A middleware that answers 401 to another API key. Health checks need none."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/healthz":
            return web.json_response({"status": "pass"})
        if api_key(request) != key:
            return web.json_response({"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}, status=401)
        return await handler(request)

    return check


def idempotency() -> Any:
    """A middleware for idempotency keys (https://docs.stripe.com/api/idempotent_requests).

    It replays the stored response, and refuses the key with other parameters. Stored responses do not expire.
    """
    locks: dict[str, asyncio.Lock] = {}

    @web.middleware
    async def replay(request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or not key:
            return await handler(request)
        fingerprint = hashlib.sha256(request.path.encode() + b"\n" + await request.read()).hexdigest()
        async with locks.setdefault(key, asyncio.Lock()):
            if (stored := resources.store.get(IDEMPOTENCY_PREFIX + key)) is None:
                response = await handler(request)
                assert isinstance(response, web.Response) and isinstance(response.body, bytes)
                if response.status < 500:
                    resources.store[IDEMPOTENCY_PREFIX + key] = (fingerprint, response.status, response.body)
                return response
        stored_fingerprint, status, body = stored
        if stored_fingerprint != fingerprint:
            message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            return web.json_response({"error": {"type": "idempotency_error", "message": message}}, status=400)
        return web.Response(status=status, body=body, content_type="application/json", headers={"Idempotent-Replayed": "true"})

    return replay


def persist_state(file: Path) -> None:
    """Load and store the state in `file` instead of localstripe's file in /tmp. Writes are atomic."""

    def dump(store: Any) -> None:
        temporary = file.with_suffix(".new")
        temporary.write_bytes(pickle.dumps(dict(store), protocol=pickle.HIGHEST_PROTOCOL))
        temporary.replace(file)

    resources.Store.dump_to_disk = dump
    if file.exists():
        dict.update(resources.store, pickle.loads(file.read_bytes()))  # written by this program, in a folder with mode 0700


def sign_webhooks(url: str, secret: Callable[[], str]) -> Any:
    """A middleware that registers the webhook with the present secret: it may have been rotated."""

    @web.middleware
    async def register(request: web.Request, handler: Handler) -> web.StreamResponse:
        register_webhook("capsule", url, secret(), [*PAYMENT_EVENTS, *stripe_disputes.WEBHOOK_EVENTS])
        return await handler(request)

    return register


def application(key: str, webhook_url: str, secret: Callable[[], str]) -> web.Application:
    """The server. `secret`: returns what it signs webhooks with."""
    app: web.Application = server.app
    stripe_disputes.add_routes(app)
    app.middlewares.insert(0, sign_webhooks(webhook_url, secret))
    app.middlewares.insert(0, idempotency())
    app.middlewares.insert(0, require_key(key))
    return app


def main() -> None:
    environment = {BIND.name: LOOPBACK, **os.environ}
    persist_state(STRIPE_STATE.read(environment))
    secrets = Settings(environment).following(STRIPE_WEBHOOK_SECRET)
    app = application(STRIPE_API_KEY.read(environment), STRIPE_WEBHOOK_URL.read(environment), lambda: secrets()[0])
    web.run_app(app, host=BIND.read(environment), port=PORT.read(environment), print=None, handle_signals=True, shutdown_timeout=2.0)


if __name__ == "__main__":
    main()
