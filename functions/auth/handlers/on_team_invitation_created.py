"""Send the e-mail of an invitation to a team."""

from events.teams import TeamInvitationCreated
from functions.auth.ports import EmailTokens, Invitations, Mailer, Teams, Users
from functions.kernel import Work, effect


@effect()
async def on_team_invitation_created(
    event: TeamInvitationCreated, teams: Teams, users: Users, invitations: Invitations, email_tokens: EmailTokens, mailer: Mailer, work: Work
) -> None:
    async with work.reading():
        invitation, team, inviter = await invitations.get(event.invitation_id), await teams.find(event.team_id), await users.get(event.invited_by)
    if invitation is None or team is None or inviter is None:
        return  # accepted, revoked or deleted since

    await mailer.send_invitation(invitation.id, invitation.email, team.name, inviter.email, invitation.role, email_tokens.mint(invitation.id))

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
