"""How a difference between the newest configuration and the released one is undone."""

from dataclasses import dataclass
from typing import Self

from functions.edge.dashboard.api import Json

SHARED, OWN = "application", "environment"
"""Scopes of an entry: all environments, or one."""


@dataclass(frozen=True, slots=True)
class Undo:
    """`change`: what to set or unset. `is_shared`: whether in all environments. `versions`: of both values, to notice that one has changed."""

    change: Json
    is_shared: bool
    versions: str

    @classmethod
    def of(cls, difference: Json) -> Self | None:
        """Return what restores the released value in the scope that it was released from; None for a secret, whose value is not known.

        A value that hides the released one is unset: one that the release does not have, and one of the environment over a shared one.
        """
        before, after, name = difference["beforeScope"], difference["afterScope"], difference["name"]
        versions = f"{difference['beforeVersion']}-{difference['afterVersion']}"
        if before is None or (before, after) == (SHARED, OWN):
            return cls({"unset": [name]}, after == SHARED, versions)
        if difference["isSecret"]:
            return None
        return cls({"variables": {name: difference["before"]}}, before == SHARED, versions)
