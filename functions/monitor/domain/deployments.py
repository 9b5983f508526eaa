"""What became of a deployment, as its owner reads it in an alert.

The same deployment may be stated as failed and as rolled back, in any order: that is one incident."""

from collections.abc import Iterable

from events.deploy import DeploymentFailed, DeploymentRolledBack
from functions.monitor.domain.alerts import Alert, Events
from functions.monitor.domain.intake import bounded
from functions.monitor.domain.rules import Rule

NOBODYS_FAULT = frozenset({"cancelled", "application-deleted", "environment-deleted"})
"""Somebody wanted it to end."""


def ended_badly(
    event: DeploymentFailed | DeploymentRolledBack, known: Alert | None, rules: Iterable[Rule], correlation_id: str
) -> tuple[Alert | None, Events]:
    """The alert it is now, if a rule asks for one, and what is to be said. `known`: what there is of this deployment already."""
    alert = known
    said: Events = ()
    summary = failure(event) if isinstance(event, DeploymentFailed) else rollback(event)
    for rule in rules:
        if not rule.concerns(event.environment):
            continue
        if alert is None:
            alert, said = Alert.of_deployment(
                rule,
                deployment_id=event.deployment_id,
                environment=event.environment,
                summary=summary,
                correlation_id=correlation_id,
                at=event.at,
            )
        else:
            alert.merge(rule, summary)
    return alert, said


def failure(event: DeploymentFailed) -> str:
    served = f"; r{event.rolled_back_to} serves" if event.rolled_back_to else ""
    return bounded(f"the deployment{_release(event.release)} to {event.environment} failed ({event.reason}): {_sentence(event.detail)}{served}")


def rollback(event: DeploymentRolledBack) -> str:
    back = f" to r{event.rolled_back_to}" if event.rolled_back_to else ""
    why = f": {_sentence(event.detail)}" if event.detail else ""
    return bounded(f"the deployment{_release(event.release)} to {event.environment} was rolled back{back} ({event.reason}){why}")


def _release(number: int | None) -> str:
    return f" of r{number}" if number else ""


def _sentence(text: str) -> str:
    """Without its end, so that it can go on."""
    return text.strip().removesuffix(".")
