"""Transfer an application to another team.

Its releases, configuration, logs and alerts go with it. Needs `app.delete` here and `app.create` in the other team, whose
quota must have room. What is used from now on is on the bills of the other team.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from events.deploy import AccountReviewRequested, ApplicationTransferred
from functions.deploy.domain.application_views import ApplicationSettingsView
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import (
    ApplicationIsPaused,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
    MemoryQuotaExceeded,
    OverQuota,
    SubscriptionSuspended,
    TeamNotFound,
    UsageExhausted,
)
from functions.deploy.domain.storage_rejections import BackupQuotaExceeded, DataServiceQuotaExceeded, VolumeQuotaExceeded
from functions.deploy.ports import Applications, Environments, Quotas, StorageUse
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import review_events
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Rejection, command


@contextmanager
def naming(team: str) -> Iterator[None]:
    """Say in a rejection of the body which of the two teams it is about."""
    try:
        yield
    except Rejection as rejection:
        raise type(rejection)(f"{team}: {rejection.detail}", errors=rejection.errors) from rejection


class TransferApplication(Model):
    application_id: UUID
    team_id: UUID | None = None
    """The team that owns it afterwards. Default: your personal team."""


class TransferredApplicationView(ApplicationSettingsView):
    team_id: UUID


@command(
    http="POST /v1/apps/{application_id}/transfer",
    permission=Permission.APP_DELETE,
    rejects=[
        *(ApplicationNotFound, TeamNotFound, ApplicationIsPaused),
        *(ApplicationQuotaExceeded, MemoryQuotaExceeded, OverQuota, SubscriptionSuspended, UsageExhausted),
        *(BackupQuotaExceeded, DataServiceQuotaExceeded, VolumeQuotaExceeded),
    ],
    emits=[ApplicationTransferred, AccountReviewRequested],
    needs_recent_login=True,
)
async def transfer_application(
    request: TransferApplication,
    applications: Applications,
    environments: Environments,
    quotas: Quotas,
    use: StorageUse,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[TransferredApplicationView]:
    now = clock.now()
    application = await applications.lock(await control.to_application(permit, request.application_id))
    target = await control.to_team(Permit(permit.caller, Permission.APP_CREATE), request.team_id)
    former = application.user_id
    events = application.transfer(target.team_id, now)
    if events:
        if any(each.is_paused for each in await environments.list_all(application)):
            raise ApplicationIsPaused
        await quotas.grant(Quota.default(target.team_id, now))
        own, other = await quotas.lock_both(former, target.team_id)
        names = await control.names([former, target.team_id])
        if own is not None:
            with naming(names[former]):
                own.check_work(is_growth=False)
        assert other is not None, "it was granted above"
        with naming(names[target.team_id]):
            other.check_work(is_growth=True)
            other.check_room(await quotas.reserved_memory(application.id))
            other.check_storage(await use.of_account(target.team_id), await use.of_application(application.id))
        await applications.transfer(application, former)
        events = (*events, *await review_events(quotas, former))

    view = TransferredApplicationView(**dict(ApplicationSettingsView.of(application)), team_id=application.user_id)
    return Done(view, *events, change=Change({"team_id": former}, {"team_id": application.user_id}))
