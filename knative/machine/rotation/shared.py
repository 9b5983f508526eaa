"""Rotate secrets that one party signs with and another one verifies (`knative.machine.shared_secrets`)."""

from collections.abc import Callable

from functions.billing.adapters.variables import STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET
from knative.machine import keys
from knative.machine.cluster import Cluster
from knative.machine.home import Home
from knative.machine.problems import NotApplicable
from knative.machine.rotation.publication import publish
from knative.machine.shared_secrets import SharedSecret


def rotate_webhook_secret(home: Home, cluster: Cluster, *, is_forced: bool) -> str:
    """Rotate the secret of the Stripe stand-in. Returns a summary. Raises: NotApplicable with an account at Stripe, which makes its own secrets."""
    own_key, billing = keys.stand_in_settings(home)[STRIPE_API_KEY.name], keys.reference("billing-settings")
    stored = keys.decoded((cluster.get(billing) or {}).get("data") or {})
    if home.environment.get(STRIPE_API_KEY.name) or stored.get(STRIPE_API_KEY.name) != own_key:
        raise NotApplicable(
            "Stripe makes the secret of its webhooks.",
            f"Roll it at Stripe, then {STRIPE_WEBHOOK_SECRET.name}=NEW,FORMER ./taskw up: both are accepted. See docs/operations.md.",
        )
    return _rotate(keys.webhook_secret(home), lambda: publish(home, cluster, [], keys.webhook_secrets(home)), is_forced=is_forced)


def rotate_health_check(home: Home, cluster: Cluster, *, is_forced: bool) -> str:
    """Rotate the key of deploy and the ingress. Returns a summary."""
    return _rotate(keys.health_check_key(home), lambda: publish(home, cluster, [], [keys.health_check_secret(home)]), is_forced=is_forced)


def _rotate(secret: SharedSecret, publish_present: Callable[[], None], *, is_forced: bool) -> str:
    secret.stage()
    publish_present()
    secret.switch()
    if is_forced:
        publish_present()  # the signer uses the new value before the former one is refused
        secret.forget_former()
    publish_present()
    return "the former one is refused" if is_forced else "the former one is accepted for a day at least"
