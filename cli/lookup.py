"""Ids as people type them: the beginning or the end is enough, as long as it is unique, and a name where items have one."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
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


def resolve_ending(kind: str, text: str, list_ids: Callable[[], Iterable[str]], *, hint: str) -> str:
    """Return the full id that ends in `text`, as lists show ids of one application. A full id is returned as it is, without listing.

    Raises:
        NotFound: no id ends in `text`, several do, or `text` is empty.
    """
    if is_full_id(text):
        return text
    found = [each for each in list_ids() if text and each.endswith(text.lower())]
    if len(found) != 1:
        raise NotFound(f'{len(found) or "no"} {kind}s end in "{text}"', hint=hint)
    return found[0]


def resolve_name(kind: str, text: str, owner: str, list_items: Callable[[], Iterable[Mapping[str, Any]]], *, hint: str) -> str:
    """Return the id of the item of that name. A full id is returned as it is, without listing.

    Raises:
        NotFound: `owner` has no item of that name.
    """
    if is_full_id(text):
        return text
    for each in list_items():
        if each["name"] == text:
            return str(each["id"])
    raise NotFound(f'{owner} has no {kind} "{text}"', hint=hint)


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
