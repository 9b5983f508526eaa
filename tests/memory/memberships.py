"""Members of teams in memory. One store for each context."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from functions.kernel import Membership


class MemoryMemberships:
    def __init__(self) -> None:
        self.rows: dict[tuple[UUID, UUID], Membership] = {}
        self.teams: dict[UUID, str] = {}

    async def find(self, team_id: UUID, user_id: UUID) -> Membership | None:
        return Membership.personal(user_id) if team_id == user_id else self.rows.get((team_id, user_id))

    async def list_of(self, user_id: UUID) -> Sequence[Membership]:
        return [Membership.personal(user_id), *sorted((each for each in self.rows.values() if each.user_id == user_id), key=lambda each: each.id)]

    async def names(self, team_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        return {team_id: self.teams[team_id] for team_id in team_ids if team_id in self.teams}

    async def save(self, membership: Membership) -> None:
        key = (membership.team_id, membership.user_id)
        stored = self.rows.get(key)
        if stored is None or stored.id <= membership.id:
            self.rows[key] = membership

    async def remove(self, membership_id: UUID) -> None:
        self.rows = {key: each for key, each in self.rows.items() if each.id != membership_id}

    async def save_team(self, team_id: UUID, name: str) -> None:
        self.teams[team_id] = name

    async def remove_team(self, team_id: UUID) -> None:
        self.rows = {key: each for key, each in self.rows.items() if each.team_id != team_id}
        self.teams.pop(team_id, None)
