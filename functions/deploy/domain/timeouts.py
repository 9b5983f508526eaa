"""The steps of a deployment's saga: how long each may take, how often it is looked at, what undoes it; and the reminder that it sends to itself."""

from datetime import timedelta
from uuid import UUID

from functions.deploy.domain.status import Status
from functions.kernel import Event
from functions.kernel.sagas import Plan, Step

TO_BEGIN = timedelta(minutes=10)
TO_BUILD = timedelta(minutes=20)
"""Longer than the build Job's own deadline, which says it more exactly."""
TO_RELEASE = timedelta(minutes=5)
"""Longer than Knative's progress deadline for one revision."""
TO_PREPARE = timedelta(minutes=12)
"""Longer than the release phase's own deadline, which says it more exactly."""
TO_OBSERVE = timedelta(seconds=30)
"""Unless its environment says otherwise."""
TO_ROLL_BACK = timedelta(minutes=5)
OFTEN = timedelta(seconds=5)
"""So often a release that takes traffic is looked at while it is observed."""
LOOK = timedelta(minutes=1)
"""So often a running deployment looks for itself: an event that was lost costs that much and no more."""

PLAN = Plan(
    Step(Status.REQUESTED, TO_BEGIN, LOOK),
    Step(Status.BUILDING, TO_BUILD, LOOK),
    Step(Status.PREPARING, TO_PREPARE, LOOK),
    Step(Status.RELEASING, TO_RELEASE, LOOK),
    Step(Status.OBSERVING, TO_OBSERVE, OFTEN, undo=Status.ROLLING_BACK),
    Step(Status.ROLLING_BACK, TO_ROLL_BACK, LOOK),
)


class DeploymentTimedOut(Event, type="deployment.timed-out"):
    """Time has passed, and perhaps a stage's time is over, if the deployment's row still has this version."""

    deployment_id: UUID
    deployment_version: int
