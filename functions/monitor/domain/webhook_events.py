"""The events that a webhook can receive: those that their context declares as public. The payload is the event itself."""

import importlib
import pkgutil
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import events
from functions.kernel import Event, Model

TEST = "webhook.test"
"""Sent at the user's request only. Every webhook receives it."""
ALL = "*"
"""Every type, also of later versions."""

PUBLIC_EVENTS: Mapping[str, type[Event]] = {
    each.type: each
    for module in pkgutil.iter_modules(events.__path__)
    for each in vars(importlib.import_module(f"events.{module.name}")).values()
    if isinstance(each, type) and issubclass(each, Event) and each.is_public
}
"""Type → class."""


class WebhookPayload(Model):
    """The body of a request to a webhook (standardwebhooks.com). `timestamp`: when the event happened."""

    type: str
    timestamp: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event, at: datetime) -> "WebhookPayload":
        return cls(type=event.type, timestamp=at, data=event.model_dump(mode="json", by_alias=True))
