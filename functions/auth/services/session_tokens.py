"""Start a session, and issue the next tokens of one: shared by login, its second step, refresh and the confirmation of an identity."""

from datetime import datetime

from functions.auth.domain.session import Device, Method, Session, SessionLimits
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.user import User
from functions.auth.domain.views import SessionView
from functions.auth.ports import AccessTokenIssuer, Sessions, Users
from functions.kernel import Client, Events


class SessionTokens:
    def __init__(self, users: Users, sessions: Sessions, access_tokens: AccessTokenIssuer, limits: SessionLimits) -> None:
        self.limits = limits
        self._users = users
        self._sessions = sessions
        self._access_tokens = access_tokens

    async def start(
        self, user: User, client: Client, methods: frozenset[Method], now: datetime, authenticated_at: datetime | None = None
    ) -> tuple[SessionView, Events]:
        """Store a new session. Returns its first tokens and the events to publish. Raises AccountSuspended.

        Locks the user: a suspension or a new password either is seen here (Transient: nothing is done, the caller tries again), or waits
        and ends this session.
        `authenticated_at`: of a device that another session has approved.
        """
        user.require_not_suspended()
        await self._users.lock_unchanged(user)
        session, events = Session.start(user.id, Device.of(client), now, self.limits, methods, authenticated_at)
        token = OpaqueToken.for_refresh()
        await self._sessions.add(session, token)
        return self._view(user, session, token, now), events

    async def renew(self, user: User, session: Session, now: datetime) -> SessionView:
        """Save a session and issue tokens of its newest generation. Raises AccountSuspended."""
        user.require_not_suspended()
        token = OpaqueToken.for_refresh()
        await self._sessions.save(session, token)
        return self._view(user, session, token, now)

    def _view(self, user: User, session: Session, token: OpaqueToken, now: datetime) -> SessionView:
        access = self._access_tokens.issue(user, session.grant, now)
        return SessionView(
            session_id=str(session.id),
            access_token=access.text,
            expires_in=access.expires_in_seconds,
            refresh_token=token.text,
            deletes_at=user.deletes_at,
        )
