"""Whether an account may have so much more of data services, volumes or backups."""

from dataclasses import dataclass
from uuid import UUID

from functions.deploy.domain.quota import Quota
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.ports import Quotas, StorageUse
from functions.deploy.services.work_admission import admit_work
from functions.kernel import Clock


@dataclass(frozen=True, slots=True)
class StorageAdmission:
    quotas: Quotas
    use: StorageUse
    clock: Clock

    async def admit(self, user_id: UUID, more: StorageAmounts, *, is_growth: bool = True) -> None:
        """Lock the quota, so that two requests do not get the same room. `is_growth`: as for `admit_work`.

        Raises DataServiceQuotaExceeded, VolumeQuotaExceeded, BackupQuotaExceeded and what `admit_work` raises.
        """
        await admit_work(self.quotas, user_id, is_growth=is_growth)
        await self.require_room(user_id, more)

    async def require_room(self, user_id: UUID, more: StorageAmounts) -> None:
        """As `admit`, without a lock and for whatever account."""
        quota = await self.quotas.find(user_id) or Quota.default(user_id, self.clock.now())
        quota.check_storage(await self.use.of_account(user_id), more)
