"""Rejections of what exceeds the storage quotas. The docstring of each is the title of its problem document (RFC 9457)."""

from typing import Self

from functions.kernel import Conflict, FieldError


class StorageQuotaExceeded(Conflict):
    """The plan has no room for that."""

    @classmethod
    def of(cls, noun: str, used: int, limit: int, unit: str, plan: str, more: int, remedy: str, pointer: str = "") -> Self:
        """`unit`: of the three amounts; empty for a number of things. `pointer`: to the field at fault."""
        unit = f" {unit}" if unit else ""
        room = f"{limit - used:,}{unit} {'are' if limit - used != 1 or unit else 'is'} free" if used < limit else "none is free"
        request = f", and {more:,}{unit} {'are' if more != 1 or unit else 'is'} needed" if more else ""
        return cls(
            f"The account has {used:,} of {limit:,}{unit} of {noun} of its {plan} plan, deleted ones in their grace period included: "
            f"{room}{request}. {remedy}, or change the plan: capsule plans",
            errors=[FieldError(pointer, "exceeds the quota")] if pointer else [],
        )


class BackupQuotaExceeded(StorageQuotaExceeded):
    """The plan has no room for another backup or snapshot."""


class DataServiceQuotaExceeded(StorageQuotaExceeded):
    """The plan has no room for such a data service."""


class VolumeQuotaExceeded(StorageQuotaExceeded):
    """The plan has no room for such a volume."""
