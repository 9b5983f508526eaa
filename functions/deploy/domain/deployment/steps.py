"""The steps of a deployment: timeouts, intervals of reminders, compensation. And the reminder that a deployment sends
to itself."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from functions.kernel import Event
from functions.kernel.sagas import Plan, Step


class Status(StrEnum):
    REQUESTED = "requested"
    BUILDING = "building"
    PREPARING = "preparing"
    """Its release phase runs. The previous release has all traffic."""
    RELEASING = "releasing"
    OBSERVING = "observing"
    """It has all traffic and can still be rolled back."""
    ROLLING_BACK = "rolling-back"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled-back"
    """It took traffic and failed. The previous release serves again."""


START_TIMEOUT = timedelta(minutes=10)
BUILD_TIMEOUT = timedelta(minutes=20)
"""Longer than `activeDeadlineSeconds` of the build Job, which reports a more exact reason."""
RELEASE_PHASE_TIMEOUT = timedelta(minutes=12)
"""Longer than `activeDeadlineSeconds` of the release phase's Job, for the same reason."""
RELEASE_MARGIN = timedelta(minutes=3)
"""What a release may take beside the start of its process, which has `Terms.ready_timeout_seconds`: until its instance runs on a node, and until
the ingress has its route. Knative's progress deadline ends a start with a more exact reason."""
RELEASE_TIMEOUT = timedelta(minutes=5)
"""Replaced by `Terms.ready_timeout_seconds` and RELEASE_MARGIN."""
OBSERVATION = timedelta(seconds=30)
"""Replaced by `Terms.observation_seconds`."""
REPORT_TIMEOUT = timedelta(seconds=30)
"""An observation without a report of the collector waits so much longer for one."""
ROLLBACK_TIMEOUT = timedelta(minutes=5)
"""Replaced like RELEASE_TIMEOUT: the previous release may start anew."""
OBSERVATION_INTERVAL = timedelta(seconds=5)
REMINDER_INTERVAL = timedelta(minutes=1)
"""The longest delay that a lost cluster event causes."""
FIRST_INTERVAL = timedelta(seconds=5)
"""For what no event tells: a pod that cannot pull its image, or exits at its start, changes neither its Job nor its Service."""

PLAN = Plan(
    Step(Status.REQUESTED, START_TIMEOUT, REMINDER_INTERVAL),
    Step(Status.BUILDING, BUILD_TIMEOUT, REMINDER_INTERVAL, first_interval=FIRST_INTERVAL),
    Step(Status.PREPARING, RELEASE_PHASE_TIMEOUT, REMINDER_INTERVAL, first_interval=FIRST_INTERVAL),
    Step(Status.RELEASING, RELEASE_TIMEOUT, REMINDER_INTERVAL, first_interval=FIRST_INTERVAL),
    Step(Status.OBSERVING, OBSERVATION, OBSERVATION_INTERVAL, undo=Status.ROLLING_BACK),
    Step(Status.ROLLING_BACK, ROLLBACK_TIMEOUT, REMINDER_INTERVAL),
)


class DeploymentTimedOut(Event, type="deployment.timed-out"):
    """A deployment's own reminder: observe the cluster, and end the step if its time is over. Ignored unless the row
    still has this version."""

    deployment_id: UUID
    deployment_version: int
