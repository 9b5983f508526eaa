"""Alerts about deployments.

One deployment may be reported as failed and as rolled back, in any order: that is one incident.
"""

from collections.abc import Iterable

from events.deployments import DeploymentFailed, DeploymentRolledBack
from functions.monitor.domain.alerts import Alert, Events
from functions.monitor.domain.rules import Rule
from functions.monitor.domain.sanitizing import bounded

EXPECTED_ENDINGS = frozenset({"cancelled", "application-deleted", "environment-deleted"})
"""Reasons that a user caused: no alert."""


def alert_of_deployment(
    event: DeploymentFailed | DeploymentRolledBack, known: Alert | None, rules: Iterable[Rule], correlation_id: str
) -> tuple[Alert | None, Events]:
    """The alert of this deployment, if a rule applies, and the events to publish. `known`: its existing alert."""
    alert = known
    messages: Events = ()
    summary = failure(event) if isinstance(event, DeploymentFailed) else rollback(event)
    for rule in rules:
        if not rule.applies_to(event.environment):
            continue
        if alert is None:
            alert, messages = Alert.of_deployment(
                rule,
                deployment_id=event.deployment_id,
                environment=event.environment,
                summary=summary,
                correlation_id=correlation_id,
                at=event.at,
            )
        else:
            alert.merge(rule, summary)
    return alert, messages


def failure(event: DeploymentFailed) -> str:
    served = f"; r{event.rolled_back_to} is still serving" if event.rolled_back_to else ""
    return bounded(f"deployment{_release(event.release)} to {event.environment} failed ({event.reason}): {_sentence(event.detail)}{served}")


def rollback(event: DeploymentRolledBack) -> str:
    back = f" to r{event.rolled_back_to}" if event.rolled_back_to else ""
    why = f": {_sentence(event.detail)}" if event.detail else ""
    return bounded(f"deployment{_release(event.release)} to {event.environment} was rolled back{back} ({event.reason}){why}")


def _release(number: int | None) -> str:
    return f" of r{number}" if number else ""


def _sentence(text: str) -> str:
    """Without the final full stop."""
    return text.strip().removesuffix(".")
