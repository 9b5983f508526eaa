"""How long each stage of a deployment may take, and the reminder that a running deployment sends to itself."""

from datetime import timedelta
from uuid import UUID

from functions.kernel import Event

TO_BEGIN = timedelta(minutes=10)
TO_BUILD = timedelta(minutes=20)
"""Longer than the build Job's own deadline, which says it more exactly."""
TO_RELEASE = timedelta(minutes=5)
"""Longer than Knative's progress deadline for one revision."""
TO_PREPARE = timedelta(minutes=12)
"""Longer than the release phase's own deadline, which says it more exactly."""
TO_ROLL_BACK = timedelta(minutes=5)
OFTEN = timedelta(seconds=5)
"""So often a release that takes traffic is looked at while it is observed."""
LOOK = timedelta(minutes=1)
"""So often a running deployment looks for itself: an event that was lost costs that much and no more."""
QUIET = timedelta(minutes=2)
"""After so long without a change the housekeeping assumes that even the reminder was lost."""


class DeploymentTimedOut(Event, type="deployment.timed-out"):
    """Time has passed, and perhaps a stage's time is over, if the deployment's row still has this version."""

    deployment_id: UUID
    deployment_version: int
