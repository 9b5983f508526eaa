"""Billing's clock, ahead by CAPSULE_BILLING_DAYS_AHEAD days: whoever tries Capsule sees the end of a period without waiting for it."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from functions.billing.adapters.variables import DAYS_AHEAD, STRIPE_API_BASE
from functions.kernel import Clock
from functions.runtime.config.settings import Settings
from functions.wire.settings import InvalidSetting

STRIPE_DOMAIN = "stripe.com"


class ClockAhead:
    """A `kernel.Clock` that is ahead of another one."""

    def __init__(self, clock: Clock, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead

    def now(self) -> datetime:
        return self._clock.now() + self._ahead


def trial_clock(settings: Settings, clock: Clock) -> Clock:
    """The clock of billing's functions. Raises InvalidSetting where payments go to Stripe: an invoice of a day to come would be charged."""
    days = settings.value(DAYS_AHEAD)
    if not days:
        return clock
    host = urlsplit(settings.value(STRIPE_API_BASE)).hostname or ""
    if host == STRIPE_DOMAIN or host.endswith(f".{STRIPE_DOMAIN}"):
        raise InvalidSetting(f"{DAYS_AHEAD.name}={days}: not with Stripe's own API, which moves money. Unset it, or set {STRIPE_API_BASE.name}.")
    return ClockAhead(clock, timedelta(days=days))
