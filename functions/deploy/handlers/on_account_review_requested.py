"""Update what a restricted account may run.

Pauses or resumes its environments. Idempotent: the state of now decides, whatever published the event.
"""

from events.deploy import AccountReviewRequested, AccountStandingChanged, EnvironmentPaused, EnvironmentResumed
from events.deployments import (
    BuildFailed,
    DeploymentFailed,
    DeploymentPreparationStarted,
    DeploymentReleaseStarted,
    DeploymentRequested,
    DeploymentSucceeded,
)
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.services.account_reviewer import AccountReviewer
from functions.kernel import Done, Order, Origin, on


@on(
    emits=[
        *(AccountReviewRequested, AccountStandingChanged, EnvironmentPaused, EnvironmentResumed, BuildFailed, DeploymentFailed),
        *(DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested, DeploymentSucceeded, DeploymentTimedOut),
    ],
    order=Order.ANY,
)
async def on_account_review_requested(event: AccountReviewRequested, reviewer: AccountReviewer, origin: Origin) -> Done[None]:
    return Done(None, *await reviewer.review(event.user_id, origin))
