"""Learn that an application was moved to another team.

Grants of the former team that name it end, also when a newer transfer was here first.
"""

from dataclasses import replace

from events.deploy import ApplicationTransferred
from events.teams import TeamMembershipChanged
from functions.auth.domain.team import Roster, membership_event
from functions.auth.ports import ServiceAccounts, Teams
from functions.kernel import Clock, Done, Membership, Order, OutgoingMessage, Scale, on


@on(emits=[TeamMembershipChanged], order=Order.ANY, scale=Scale(max=2))
async def on_application_transferred(event: ApplicationTransferred, teams: Teams, accounts: ServiceAccounts, clock: Clock) -> Done[None]:
    now, events = clock.now(), list[OutgoingMessage]()
    former = await teams.lock_any(event.former_user_id)
    await teams.transfer_application(event.application_id, event.user_id, event.at)
    if former is None:
        return Done(None)

    for member in Roster.of(await teams.list_members(former.id)).members:
        if kept := _without(member.membership, event):
            await teams.save_member(kept)
            events.append(membership_event(kept, now))
    for account in await accounts.list_of(former.id):
        if kept := _without(account.membership, event):
            account.grants = kept.grants
            await accounts.save(account)
            if account.is_active:
                events.append(membership_event(kept, now))
    return Done(None, *events)


def _without(membership: Membership, event: ApplicationTransferred) -> Membership | None:
    """The membership without grants of the application; None if it has none."""
    kept = tuple(each for each in membership.grants if each.application_id != event.application_id)
    return replace(membership, grants=kept) if kept != membership.grants else None
