"""How long each stage of a deployment may take, and the reminder that a deployment sends to itself."""

from datetime import timedelta
from uuid import UUID

from functions.kernel import Event

TO_BEGIN = timedelta(minutes=10)
TO_BUILD = timedelta(minutes=20)
"""Longer than the build Job's own deadline, which says it more exactly."""
TO_RELEASE = timedelta(minutes=5)
"""Longer than Knative's progress deadline for one revision."""
QUIET = timedelta(minutes=2)
"""After so long without a change a running deployment is looked at again."""


class DeploymentTimedOut(Event, type="deployment.timed-out"):
    """A stage's time is over, if the deployment's row still has this version."""

    deployment_id: UUID
    deployment_version: int
