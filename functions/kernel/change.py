"""What a use case changed, for the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Change:
    """Added to the entry that the runtime writes for every command: `Done(view, *events, change=Change(before=…, after=…))`.

    `before`, `after`: what differs, as values that JSON has, or models. Secrets are left out by the use case; a `SecretStr` is replaced.
    `is_personal`: `before` and `after` are personal data (an address, a name) and are erased with the user's account.
    `target`: the resource, such as `users/<id>`; by default the path of the route. `user_id`: the account that is concerned, where no
    caller is known: that of a sign-in. `is_actor`: that user has proved to be it.
    """

    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    is_personal: bool = False
    target: str | None = None
    user_id: UUID | None = None
    is_actor: bool = False


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what differs, as `Change` takes it: `Change(*differences(before, after))`."""
    names = [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}
