"""Refuse the access tokens of a session that has ended.

Every context keeps its own list of these sessions, so its functions need not ask auth.
"""

from events.auth import SessionEnded
from functions.kernel import Done, Order, Scale, on
from functions.runtime.reliability.revoked_sessions import RevokedSessions


@on(order=Order.ANY, scale=Scale(max=1, pool=1))
async def on_session_ended(event: SessionEnded, revoked_sessions: RevokedSessions) -> Done[None]:
    await revoked_sessions.add(event.session_id, event.at)
    return Done(None)
