"""Whether an account may have so much more of volumes."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.quota import Quota
from functions.deploy.domain.volume_rejections import VolumeQuotaExceeded
from functions.deploy.ports import Quotas, Volumes
from functions.deploy.services.work_admission import admit_work


async def admit_volume(quotas: Quotas, volumes: Volumes, user_id: UUID, more_mib: int, at: datetime) -> None:
    """Lock the quota, so that two requests do not get the same room. Raises VolumeQuotaExceeded and what `admit_work` raises."""
    await admit_work(quotas, user_id)
    quota = await quotas.find(user_id) or Quota.default(user_id, at)
    used_mib = await volumes.reserved_mib(user_id)
    if used_mib + more_mib > quota.volumes_mib:
        raise VolumeQuotaExceeded.of(more_mib, used_mib, quota.volumes_mib, quota.plan)
