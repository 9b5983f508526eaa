"""Which images to delete (pure)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from knative.local.images.record import Record
from knative.local.images.store import Key


@dataclass(frozen=True, slots=True)
class Policy:
    newest: int = 10
    """Images of each application to keep, so that it can be rolled back."""
    newest_when_full: int = 2
    """The same when the store is over its limit."""
    min_age_seconds: float = 3600.0
    """A younger image may belong to a running deployment, which references it only after the build."""


def to_remove(records: Collection[Record], referenced: Collection[Key], *, now: float, limit_bytes: int, policy: Policy = Policy()) -> list[Key]:
    """Return the images to delete, so that the rest fits `limit_bytes` as far as the policy allows.

    Images that are referenced, younger than `min_age_seconds`, or among the newest of their application are kept. When
    the rest is too large, the oldest are deleted first, down to `newest_when_full` of each application.
    """
    deletable = [
        (record, rank) for record, rank in _ranked(records) if _key(record) not in referenced and now - record.created_at >= policy.min_age_seconds
    ]
    removed = [record for record, rank in deletable if rank >= policy.newest]
    used = sum(record.bytes for record in records) - sum(record.bytes for record in removed)
    deletable_when_full = [record for record, rank in deletable if policy.newest_when_full <= rank < policy.newest]
    for record in sorted(deletable_when_full, key=lambda each: each.created_at):
        if used <= limit_bytes:
            break
        used -= record.bytes
        removed.append(record)
    return [_key(record) for record in removed]


def _ranked(records: Collection[Record]) -> Sequence[tuple[Record, int]]:
    """Return each record with its rank in its application, 0 for the newest."""
    applications: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda each: -each.created_at):
        applications[record.namespace].append(record)
    return [(record, rank) for found in applications.values() for rank, record in enumerate(found)]


def _key(record: Record) -> Key:
    return record.namespace, record.digest
