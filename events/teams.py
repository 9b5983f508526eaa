"""Events of the auth context about teams: their members and invitations."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event, Part


class TeamChanged(Event, type="team.changed", subject="team_id"):
    """A team was created, or its name or contact address changed.

    Billing creates its customer, deploy grants its quota. `email`: for bills and alerts. A personal team has no such event:
    its id is that of its user.
    """

    team_id: UUID
    name: str
    email: str
    at: datetime


class TeamDeleted(Event, type="team.deleted", subject="team_id"):
    """A team without applications was deleted."""

    team_id: UUID
    at: datetime


class ApplicationGrant(Part):
    """What a member may do beyond the role, in an application or, with `environment`, in one of its environments."""

    application_id: UUID
    environment: str | None = None


class TeamMembershipChanged(Event, type="team-membership.changed", subject="membership_id"):
    """A membership in a team began, changed or ended.

    The whole state, so that the newest event of a membership counts. `role`: null when the membership has ended; a user who
    joins again has another membership.
    """

    membership_id: UUID
    team_id: UUID
    user_id: UUID
    role: str | None
    grants: tuple[ApplicationGrant, ...] = ()
    at: datetime


class ServiceAccountCreated(Event, type="service-account.created"):
    """A service account was created in a team.

    `team-membership.changed` tells its role and grants, with its id as the user, and its end.
    """

    service_account_id: UUID
    team_id: UUID
    name: str
    role: str
    created_by: UUID
    at: datetime


class ServiceAccountDeleted(Event, type="service-account.deleted"):
    """A service account was deleted; its API tokens are refused."""

    service_account_id: UUID
    team_id: UUID
    name: str
    at: datetime


class TeamInvitationCreated(Event, type="team-invitation.created"):
    """A user was invited to a team by e-mail."""

    invitation_id: UUID
    team_id: UUID
    invited_by: UUID
    role: str
    at: datetime


class TeamInvitationRevoked(Event, type="team-invitation.revoked"):
    """An invitation to a team was revoked before it was accepted."""

    invitation_id: UUID
    team_id: UUID
    at: datetime
