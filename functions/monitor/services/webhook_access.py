"""Checks what a caller may do with the webhooks of a team."""

from uuid import UUID

from functions.kernel import Forbidden, Permit, Scope, TeamAccess, check_team
from functions.monitor.domain.rejections import TeamNotFound, WebhookNotFound
from functions.monitor.ports import Memberships, WebhookStore


def require_read_scope(permit: Permit) -> None:
    """Raises Forbidden for an API token that may not read: it would receive at its own server what it cannot read here."""
    scopes = permit.caller.scopes
    if scopes is not None and Scope.READ not in scopes:
        raise Forbidden(f"A webhook receives what only the scope {Scope.READ} allows to read, which the API token does not have.")


class WebhookAccess:
    def __init__(self, webhooks: WebhookStore, memberships: Memberships) -> None:
        self._webhooks = webhooks
        self._memberships = memberships

    async def to_team(self, permit: Permit, team_id: UUID | None) -> TeamAccess:
        """None: the personal team, or that of a service account. Raises TeamNotFound, and Forbidden for a member without the permission."""
        team_id = team_id or permit.caller.default_team_id
        return check_team(permit, await self._memberships.find(team_id, permit.caller.user_id), TeamNotFound.of(team_id), foreign_id=team_id)

    async def to_webhook(self, permit: Permit, webhook_id: UUID) -> TeamAccess:
        """Access to the team of a webhook. Raises WebhookNotFound, and Forbidden for a member without the permission."""
        team_id = await self._webhooks.find_team(webhook_id)
        membership = await self._memberships.find(team_id, permit.caller.user_id) if team_id else None
        return check_team(permit, membership, WebhookNotFound.of(webhook_id))
