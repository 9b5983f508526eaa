"""Ids as people type them: the beginning is enough, as long as it is unique."""

from collections.abc import Callable, Iterable
from uuid import UUID

from cli.failures import NotFound, UsageError

MIN_SHORT_LENGTH = 8
MAX_CANDIDATES = 5


def is_full_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def resolve_id(kind: str, text: str, list_ids: Callable[[], Iterable[str]], *, hint: str = "") -> str:
    """Return the full id that begins with `text`. A full id is returned as it is, without listing.

    Raises:
        NotFound: no id begins with `text`.
        UsageError: several do.
    """
    if is_full_id(text):
        return text
    found = match_prefix(kind, text, list_ids())
    if found is None:
        raise NotFound(f'There is no {kind} "{text}"', hint=hint)
    return found


def match_prefix(kind: str, prefix: str, ids: Iterable[str]) -> str | None:
    """Return the only id that begins with `prefix`, or None.

    Raises:
        UsageError: several ids begin with it.
    """
    candidates = [each for each in ids if each.startswith(prefix.lower())] if prefix else []
    if len(candidates) > 1:
        listed = ", ".join(candidates[:MAX_CANDIDATES]) + (", …" if len(candidates) > MAX_CANDIDATES else "")
        raise UsageError(f'"{prefix}" matches {len(candidates)} {kind}s', listed, hint="Type more of the id.")
    return candidates[0] if candidates else None


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return for each id its shortest prefix that is unique in the list, at least 8 characters long."""
    ordered = sorted(set(ids))
    short = {}
    for index, each in enumerate(ordered):
        neighbours = ordered[max(index - 1, 0) : index] + ordered[index + 1 : index + 2]
        shared = max((_common_length(each, other) for other in neighbours), default=0)
        short[each] = each[: max(shared + 1, MIN_SHORT_LENGTH)].rstrip("-") if shared < MIN_SHORT_LENGTH else each[: shared + 1]
    return short


def _common_length(one: str, other: str) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length
