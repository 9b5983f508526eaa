"""Which team a request is about."""

from uuid import UUID

from functions.kernel import Model


class OfTeam(Model):
    """A request about the bills of one team."""

    team_id: UUID | None = None
    """Default: your personal team."""
