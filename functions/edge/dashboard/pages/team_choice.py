"""Which team's applications and bills a page shows, and what the visitor may do in it."""

from dataclasses import dataclass
from typing import Any

from functions.edge.dashboard.api import Json
from functions.edge.dashboard.visit import Visit
from functions.kernel import Permission

PERSONAL = "Personal team"


def title(team: Json) -> str:
    """The name of a team; a personal one has none."""
    return str(team["name"] or PERSONAL)


@dataclass(frozen=True, slots=True)
class TeamChoice:
    """`teams`: of the visitor, as `auth.permissions` lists them, the personal one first. `chosen`: None shows all teams."""

    teams: list[Json]
    chosen: Json | None

    @classmethod
    def of(cls, visit: Visit, permissions: Json) -> "TeamChoice":
        """The choice among the teams in an answer of `auth.permissions`."""
        teams = [{**each, "title": title(each), "isPersonal": each["teamId"] == visit.user_id} for each in permissions["items"]]
        return cls(teams, next((each for each in teams if each["teamId"] == visit.team_id), None))

    @property
    def personal(self) -> Json:
        return next(each for each in self.teams if each["isPersonal"])

    def with_permission(self, permission: Permission) -> list[Json]:
        return [each for each in self.teams if permission in each["permissions"]]


def permissions_in(team_id: str, permissions: Any) -> frozenset[str]:
    """What the visitor may do in a team, of an answer of `auth.permissions`."""
    return frozenset(name for each in permissions["items"] if each["teamId"] == team_id for name in each["permissions"])
