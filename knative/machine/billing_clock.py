"""`advance-billing`: let days pass for billing, to try the end of a period, a failed payment and a suspension. Never with a real Stripe account."""

from base64 import b64decode

from rich.console import Console

from functions.billing.adapters.variables import MAX_DAYS_AHEAD, STRIPE_API_KEY
from knative.machine import keys
from knative.machine.cluster import Cluster, reachable
from knative.machine.home import Home
from knative.machine.problems import Problem

MANAGER = "capsule-billing-clock"
"""Field manager of its own: the other settings in the Secret stay as the last `up` applied them."""


def advance(home: Home, days: int, console: Console) -> None:
    """Add days to billing's clock. It never goes back: invoices have been issued by it. Raises: Problem."""
    total = keys.billing_days_ahead(home) + days
    if home.environment.get(STRIPE_API_KEY.name):
        raise Problem("This installation has an account at Stripe: billing's clock shows the real time.", f"Unset {STRIPE_API_KEY.name} to try it.")
    if days < 1 or total > MAX_DAYS_AHEAD:
        raise Problem(f"{days} is not a number of days from 1 to {MAX_DAYS_AHEAD - total + days}.", "Example: ./taskw advance-billing 32")
    if reachable(home):
        _refuse_stripe(home)
    home.create()
    home.billing_days_ahead.write_text(f"{total}\n")
    if reachable(home):
        Cluster(home).apply([keys.billing_clock_secret(home)], MANAGER)
    console.print(f"Billing's clock is {total} days ahead.", highlight=False)
    console.print("It takes effect up to two minutes from now. What is due then happens within ten minutes: capsule invoices list", highlight=False)


def _refuse_stripe(home: Home) -> None:
    """The running installation may have been started with a key that this task's environment lacks. Raises: Problem."""
    secret = Cluster(home).get({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "billing-settings", "namespace": keys.NAMESPACE}})
    stored = b64decode(((secret or {}).get("data") or {}).get(STRIPE_API_KEY.name, "")).decode()
    if stored not in ("", keys.payment_settings(home)[STRIPE_API_KEY.name]):
        raise Problem("Capsule runs with an account at Stripe: billing's clock shows the real time.", f"Unset {STRIPE_API_KEY.name}, then ./taskw up")
