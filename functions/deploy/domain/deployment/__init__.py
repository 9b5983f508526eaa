"""A deployment: the saga from a request to a URL that answers.

    requested → building → preparing → releasing → observing → succeeded
                                                  ↘ rolling-back → rolled-back
    failed or cancelled from any step

    steps.py        the statuses, and the plan: timeouts, reminders, compensation
    state.py        the row: cause, frozen terms, names of its cluster objects
    deployment.py   the transitions
    events.py       the events that each status publishes
    summary.py      one line for people
    views.py        the answer of commands that start a deployment

Transitions depend only on what the cluster is observed to be, whoever triggers the observation: a cluster event, a
reminder or the housekeeping. A lost event delays a deployment; it does not change the outcome. One deployment runs in
an environment at a time, so what serves when it is requested still serves when it fails.

Compensation depends on the step. A build or release phase is stopped. A release without traffic is removed from the
Service (both by `on_deployment_failed`, without waiting). A release with traffic is rolled back in a step of its own.
"""

from functions.deploy.domain.deployment.deployment import Deployment
from functions.deploy.domain.deployment.state import Cause, WatchedObject
from functions.deploy.domain.deployment.steps import DeploymentTimedOut, Status

__all__ = ["Cause", "Deployment", "DeploymentTimedOut", "Status", "WatchedObject"]
