"""What became of a deployment, as its owner reads it in an alert."""

from events.deploy import DeploymentFailed, DeploymentRolledBack
from functions.monitor.domain.intake import bounded

NOBODYS_FAULT = frozenset({"cancelled", "application-destroyed", "environment-destroyed"})
"""Somebody wanted it to end."""


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
