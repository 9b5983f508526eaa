"""Applications that were moved from one payer to another.

Usage belongs to whoever owned the application when its window began, to the record, in whichever order usage and transfers arrive.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Transfer:
    application_id: UUID
    at: datetime
    former_user_id: UUID
    user_id: UUID


def owner_at(transfers: Iterable[Transfer], at: datetime) -> UUID | None:
    """The owner of an application at a time, from its transfers; None if there are none."""
    ordered = sorted(transfers, key=lambda each: each.at)
    before = [each for each in ordered if each.at <= at]
    if before:
        return before[-1].user_id
    return ordered[0].former_user_id if ordered else None
