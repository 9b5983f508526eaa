"""Tell whether a user may still attach to a one-off command.

For the function that serves terminals: it asks each second while a user is attached or waits for the pod.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, RunNotFound
from functions.deploy.ports import Applications, Runs
from functions.deploy.services.access_control import AccessControl
from functions.kernel import ANYONE, Caller, Forbidden, Model, Permission, Permit, query


class ShowRunAccess(Model):
    application_id: UUID
    run_id: UUID
    user_id: UUID
    """Of the redeemed ticket."""


class RunAccessView(Model):
    is_allowed: bool
    """False too for an application or a command that is gone."""


@query(allow=ANYONE)
async def run_access(request: ShowRunAccess, applications: Applications, runs: Runs, control: AccessControl) -> RunAccessView:
    permit = Permit(Caller(request.user_id), Permission.APP_RUN)
    try:
        checked = await control.to_some_environment(permit, request.application_id)
        application = await applications.get(checked)
        run = await runs.get(application.id, request.run_id)
        checked.require_in(run.environment)
    except (ApplicationNotFound, RunNotFound, Forbidden):
        return RunAccessView(is_allowed=False)
    return RunAccessView(is_allowed=True)
