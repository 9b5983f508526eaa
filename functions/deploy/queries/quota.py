"""Show a quota, what is used, and why nothing new starts."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import TeamNotFound
from functions.deploy.domain.standing import Restriction, Status
from functions.deploy.ports import Quotas, StorageUse
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Model, Permission, Permit, query


class ShowQuota(Model):
    team_id: UUID | None = None
    """Default: your personal team."""


class LimitView(Model):
    limit: int
    used: int


class StandingView(Model):
    """`restricted`: nothing new starts, and what runs goes on until `pauses_at`. `paused`: it is scaled to zero.

    `restriction`: why, in one word; `detail`: in a sentence.
    """

    status: Status
    restriction: Restriction | None
    detail: str
    restricted_at: datetime | None
    pauses_at: datetime | None


class QuotaView(Model):
    plan: str
    standing: StandingView
    applications: LimitView
    memory_mib: LimitView
    """Reserved by all environments with a deployment, for the maximum number of their instances."""
    data_services: LimitView
    """Databases and Redis services, deleted ones until they are purged."""
    data_services_mib: LimitView
    """The storage of their plans."""
    volumes: LimitView
    volumes_mib: LimitView
    backups: LimitView
    """Backups of data services and snapshots of volumes."""
    backups_mib: LimitView


@query(http="GET /v1/quota", permission=Permission.APP_READ, rejects=[TeamNotFound])
async def quota(request: ShowQuota, quotas: Quotas, use: StorageUse, control: AccessControl, permit: Permit, clock: Clock) -> QuotaView:
    team_id = (await control.to_team(permit, request.team_id)).team_id
    quota = await quotas.find(team_id) or Quota.default(team_id, clock.now())
    standing, restriction = quota.standing, quota.restriction
    limits, used = asdict(quota.storage), asdict(await use.of_account(team_id))
    return QuotaView(
        plan=quota.plan,
        standing=StandingView(
            status=standing.status if standing.restriction is restriction else Status.RESTRICTED if restriction else Status.GOOD,
            restriction=restriction,
            detail=quota.describe(restriction),
            restricted_at=standing.restricted_at,
            pauses_at=standing.pauses_at,
        ),
        applications=LimitView(limit=quota.applications, used=quota.applications_used),
        memory_mib=LimitView(limit=quota.memory_mib, used=quota.memory_used_mib),
        **{name: LimitView(limit=limit, used=used[name]) for name, limit in limits.items()},
    )
