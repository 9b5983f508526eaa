"""Why a request about a team, its members or its invitations is refused."""

from functions.kernel import Conflict, Forbidden, Invalid, NotFound, TooManyRequests


class TeamNotFound(NotFound):
    """This team does not exist, or you are not a member of it."""


class TooManyTeams(Conflict):
    """You are a member of as many teams as a user may be. Leave or delete one first."""


class TeamNotEmpty(Conflict):
    """The team has applications. Delete them first."""


class PersonalTeam(Conflict):
    """A personal team has one member and lives with its account. Create a team to work with others: `capsule teams create`."""


class MemberNotFound(NotFound):
    """The team has no member with this user id. `GET /v1/teams/{teamId}/members` lists its members."""


class LastOwner(Conflict):
    """The team has no other owner. Make another member an owner first: `capsule teams transfer`."""


class InactiveMember(Conflict):
    """The account of this member is suspended or being deleted. Choose another member."""


class AlreadyMember(Conflict):
    """This user is a member of the team already."""


class InvitationNotFound(NotFound):
    """The team has no open invitation with this id. `GET /v1/teams/{teamId}/invitations` lists them."""


class AlreadyInvited(Conflict):
    """This address has an open invitation to the team. Revoke it to send another one."""


class InvitationForOther(Forbidden):
    """The invitation was sent to another address than that of your account. Sign in with the account of that address."""


class TeamFull(Conflict):
    """The team has as many members and open invitations as it may have. Remove one first."""


class TooManyInvitations(TooManyRequests):
    """You have sent many invitations in the last hour. Wait before the next one."""


class ServiceAccountNotFound(NotFound):
    """The team has no service account with this id. `GET /v1/teams/{teamId}/service-accounts` lists them."""


class ServiceAccountNameTaken(Conflict):
    """The team has a service account of this name. Choose another name, or delete that one first."""


class TooManyServiceAccounts(Conflict):
    """The team has as many service accounts as it may have. Delete one that is not used."""


class OwnerRole(Invalid):
    """A service account cannot be an owner: a team is owned by people. Choose admin, developer, viewer or billing."""


class DisabledServiceAccount(Conflict):
    """The service account is disabled. Enable it first: `capsule service-accounts enable`."""


class ServiceAccountHasTokens(Conflict):
    """Whoever knows an API token of the service account would get the permissions of the larger role. Revoke its tokens first:
    `capsule service-accounts revoke-token`. Or create another service account."""


class UnknownApplication(Invalid):
    """The team has no application with this id. A new application is known here after a second."""


class UnknownEnvironment(Invalid):
    """The application has no environment with this name. A new environment is known here after a second."""


class OwnsTeams(Conflict):
    """You are the only owner of a team with other members or applications. Transfer or delete it first: `capsule teams transfer`."""
