"""Disputes and later changes of refunds in the stand-in for Stripe.

In Stripe, a customer's bank opens a dispute and decides it, and a refund fails when the bank returns it. Here a request does:
`POST /v1/disputes` with `payment_intent` and `reason`, `POST /v1/disputes/{id}` and `POST /v1/refunds/{id}` with `status`.
"""

from typing import Any

from aiohttp import web
from localstripe import resources, server
from localstripe.errors import UserError
from localstripe.webhooks import schedule_webhook

WEBHOOK_EVENTS = ["charge.dispute.created", "charge.dispute.closed", "refund.created", "refund.updated", "refund.failed"]


class Dispute(resources.StripeObject):  # type: ignore[misc]
    """https://docs.stripe.com/api/disputes/object"""

    object = "dispute"
    _id_prefix = "dp_"

    def __init__(self, payment_intent: str = "", reason: str = "general", amount: Any = None) -> None:
        intent = resources.PaymentIntent._api_retrieve(payment_intent)
        super().__init__()
        self.payment_intent = payment_intent
        self.amount = int(amount) if amount else intent.amount
        self.currency = intent.currency
        self.reason = reason
        self.status = "needs_response"
        self.metadata: dict[str, str] = {}
        schedule_webhook(resources.Event("charge.dispute.created", self))

    @classmethod
    def _api_update(cls, id: str, **data: Any) -> Any:
        dispute = super()._api_update(id, **data)
        schedule_webhook(resources.Event("charge.dispute.closed", dispute))
        return dispute

    @classmethod
    def _api_list_all(cls, url: str, payment_intent: str | None = None, limit: Any = None, starting_after: str | None = None) -> Any:
        page = super()._api_list_all(url, limit=limit, starting_after=starting_after)
        page._list = [each for each in page._list if payment_intent in (None, each.payment_intent)]
        return page


class _Refund(resources.Refund):  # type: ignore[misc]
    """A refund that reports itself, and may fail later."""

    @classmethod
    def _api_create(cls, **data: Any) -> Any:
        refund = resources.Refund(**data)
        schedule_webhook(resources.Event("refund.created", refund))
        return refund

    @classmethod
    def _api_update(cls, id: str, **data: Any) -> Any:
        refund = resources.Refund._api_retrieve(id)
        if data.get("status") not in ("succeeded", "failed", "pending"):
            raise UserError(400, "status must be succeeded, failed or pending")
        refund._update(**data)
        schedule_webhook(resources.Event("refund.failed" if refund.status == "failed" else "refund.updated", refund))
        return refund


def add_routes(app: web.Application) -> None:
    """Add the routes of disputes, and replace those that create and change refunds."""
    for method, url, handler in (
        ("POST", "/v1/disputes", server.api_create(Dispute, "/v1/disputes")),
        ("GET", "/v1/disputes", server.api_list_all(Dispute, "/v1/disputes")),
        ("GET", "/v1/disputes/{id}", server.api_retrieve(Dispute, "/v1/disputes/{id}")),
        ("POST", "/v1/disputes/{id}", server.api_update(Dispute, "/v1/disputes/{id}")),
    ):
        app.router.add_route(method, url, handler)
    for name in ("_api_create", "_api_update"):
        setattr(resources.Refund, name, getattr(_Refund, name))
