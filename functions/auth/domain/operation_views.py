"""How the API shows what a command of auth has started: the change of an e-mail address, the deletion of an account, a registration."""

from datetime import datetime
from typing import Self

from functions.auth.domain.email_change import EmailChange, Side
from functions.auth.domain.registration import Registration, Stage
from functions.auth.domain.user import User
from functions.auth.domain.views import RegistrationView
from functions.kernel import OperationBase, OperationProblem, OperationState, OperationStepView

REGISTRATION_STATES = {
    Stage.COMPLETED: OperationState.SUCCEEDED,
    Stage.COMPENSATED: OperationState.FAILED,
    Stage.FAILED: OperationState.FAILED,
}


class AccountOperationView(OperationBase):
    kind: str
    """`email-change`, `account-deletion` or `registration`."""

    @classmethod
    def of_email_change(cls, change: EmailChange, now: datetime) -> Self:
        """Has no address: the resource shows it to a session."""
        confirmations = {Side.CURRENT: change.current_confirmed_at, Side.NEW: change.new_confirmed_at}
        state, problem, finished_at = OperationState.RUNNING, None, change.completed_at
        summary = f"The change of the e-mail address waits for the link to the {' and the '.join(change.unconfirmed)} address."
        if change.completed_at is not None:
            state, summary = OperationState.SUCCEEDED, "The e-mail address was changed."
        elif not change.is_pending(now):
            state, finished_at = OperationState.FAILED, change.expires_at
            summary = "The change of the e-mail address expired."
            unconfirmed = " and the ".join(change.unconfirmed)
            detail = f"Not confirmed by the {unconfirmed} address before {change.expires_at:%Y-%m-%d %H:%M} UTC. Request it again."
            problem = OperationProblem(title="The e-mail address was not changed", detail=detail, reason="expired")
        return cls(
            id=change.id,
            kind="email-change",
            state=state,
            summary=summary,
            steps=[OperationStepView(step=f"{side}-address", started_at=change.requested_at, finished_at=at) for side, at in confirmations.items()],
            resource="/v1/users/me/email-change",
            problem=problem,
            requested_at=change.requested_at,
            finished_at=finished_at,
        )

    @classmethod
    def of_deletion(cls, user: User) -> Self:
        """Of an account that is to be deleted: with the account, its operation ends to exist."""
        assert user.deletion_id is not None and user.deletes_at is not None, "its deletion was requested"
        requested_at = user.deletion_requested_at or user.updated_at
        return cls(
            id=user.deletion_id,
            kind="account-deletion",
            state=OperationState.RUNNING,
            summary=f"The account will be deleted after {user.deletes_at:%Y-%m-%d %H:%M} UTC, unless it is restored.",
            steps=[OperationStepView(step="grace-period", started_at=requested_at, finished_at=None)],
            resource="/v1/users/me",
            problem=None,
            requested_at=requested_at,
            finished_at=None,
        )

    @classmethod
    def of_registration(cls, registration: Registration, *, for_admin: bool) -> Self:
        view = RegistrationView.of(registration, for_admin=for_admin)
        state, problem = REGISTRATION_STATES.get(registration.status, OperationState.RUNNING), None
        if state is OperationState.FAILED:
            reason = registration.reason or str(registration.status)
            problem = OperationProblem(title="The account was not set up completely", detail=view.detail or view.summary, reason=reason)
        return cls(
            id=registration.id,
            kind="registration",
            state=state,
            summary=view.summary,
            steps=[OperationStepView.model_validate(each.model_dump()) for each in view.steps],
            resource="/v1/users/me/registration",
            problem=problem,
            requested_at=registration.started_at,
            finished_at=registration.finished_at,
        )
