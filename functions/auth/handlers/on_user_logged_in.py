"""Tell a user of a sign-in from a new device.

A device is a program on a system, as the User-Agent names them. The first one of an account is not told.
"""

from events.auth import UserLoggedIn
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.user_agent import UserAgent
from functions.auth.ports import KnownDevices, Sessions
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_user_logged_in(event: UserLoggedIn, sessions: Sessions, devices: KnownDevices, notices: Notices, work: Work) -> None:
    async with work.reading():
        session = await sessions.get(event.session_id)
    if session is None:
        return
    device = UserAgent.parse(session.device.user_agent)
    async with work.preparing():
        is_new = await devices.add(event.user_id, device, event.session_id, event.at)
    if not is_new:
        async with work.recording():
            return  # claims the message
    names = " on ".join(filter(None, (device.program, device.system))) or "a program that does not tell its name"
    detail = f"It was {names}, from the address {session.device.address or 'unknown'}."
    await notices.send(EmailKind.NEW_DEVICE, event.user_id, event.at, work, detail)
