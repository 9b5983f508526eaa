"""Find what a command has started for an account, by its id."""

from uuid import UUID

from functions.auth.domain.operation_views import AccountOperationView
from functions.auth.domain.rejections import OperationNotFound
from functions.auth.ports import EmailChanges, Registrations, Users
from functions.kernel import Caller, Clock, OperationProgress

FINAL_VERSION = 4
"""Of the change of an address: greater than that of one which both have confirmed."""


class OperationReader:
    def __init__(self, users: Users, changes: EmailChanges, registrations: Registrations, clock: Clock) -> None:
        self._users, self._changes, self._registrations, self._clock = users, changes, registrations, clock

    async def to_operation(self, caller: Caller, operation_id: UUID) -> OperationProgress[AccountOperationView]:
        """One of the caller's own account; administrators, who resume registrations, see those of all. Raises OperationNotFound."""
        if operation_id == caller.user_id or caller.is_admin:
            registration = await self._registrations.get(operation_id)
            if registration is not None:
                view = AccountOperationView.of_registration(registration, for_admin=caller.is_admin)
                return OperationProgress(view, registration.version)
        change = await self._changes.get(caller.user_id)
        if change is not None and change.id == operation_id:
            view = AccountOperationView.of_email_change(change, self._clock.now())
            confirmations = sum(each.finished_at is not None for each in view.steps)
            return OperationProgress(view, FINAL_VERSION if view.finished_at is not None else confirmations + 1)
        user = await self._users.get(caller.user_id)
        if user is not None and user.deletion_id == operation_id:
            return OperationProgress(AccountOperationView.of_deletion(user), user.version)
        raise OperationNotFound.of(operation_id)
