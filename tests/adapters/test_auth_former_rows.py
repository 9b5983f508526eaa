"""Rows as releases since V9 wrote them, in one database of auth that is migrated version by version."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.invitation import hash_address
from functions.auth.domain.session import PASSWORD_ONLY, EndReason
from tests.adapters.auth_stores import HASH, in_postgres
from tests.adapters.former_schema import FormerDatabase
from tests.servers import Databases

THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
FIRST = 10
ADDRESSES = {"ada@example.org": THEN, "unverified@example.org": None, f"{'ü' * 60}@{'x' * 63}.example": THEN}
"""When each address was verified."""


def add_session(former: FormerDatabase, user: UUID, reason: str | None = None, started_at: datetime = THEN) -> UUID:
    session = uuid4()
    former.insert(
        "sessions",
        **{"id": session, "user_id": user, "address": "2001:db8::1", "user_agent": "x" * 512, "started_at": started_at},
        **{"last_seen_at": started_at + timedelta(hours=2), "expires_at": THEN + timedelta(days=30), "generation": 7},
        **{"rotated_at": started_at + timedelta(hours=1), "grace_uses": 3, "ended_at": reason and THEN + timedelta(hours=3), "end_reason": reason},
    )
    return session


def add_email(former: FormerDatabase, user: UUID, kind: str) -> None:
    former.insert("sent_emails", intent=uuid4(), user_id=user, kind=kind, sent_at=THEN)


async def test_rows_of_each_version_are_what_they_were(postgres: Databases, tmp_path: Path) -> None:
    former = FormerDatabase(postgres, tmp_path, "auth")
    former.migrate_through(9)
    users = {address: uuid4() for address in ADDRESSES}
    for number, (address, verified_at) in enumerate(ADDRESSES.items()):
        former.insert(
            "users",
            **{"id": users[address], "email": address, "password_hash": HASH, "email_verified_at": verified_at},
            **{"created_at": THEN, "updated_at": THEN, "roles": ["user", "admin"] if number == 0 else ["user"]},
        )
    ada, unverified, _ = users.values()
    former_reasons = {add_session(former, ada, reason): reason for reason in (None, "logged-out", "refresh-token-reused")}
    running, *_ = former_reasons
    former.insert("refresh_tokens", token_hash=bytes(32), session_id=running, generation=7)

    former.migrate_through(10)
    former_reasons |= {add_session(former, ada, "password-changed"): "password-changed"}
    for number, used_at in enumerate((None, THEN)):
        former.insert(
            "verification_tokens",
            **{"id": uuid4(), "user_id": unverified, "token_hash": bytes([number] * 32), "created_at": THEN},
            **{"expires_at": THEN + timedelta(days=1), "used_at": used_at},
        )
    for kind in ("verification", "registration-repeated", "registration-failed"):
        add_email(former, unverified, kind)

    former.migrate_through(11)
    assert former.rows("SELECT purpose, used_at FROM verification_tokens ORDER BY token_hash") == [("verification", None), ("verification", THEN)]
    with pytest.raises(psycopg.errors.NotNullViolation):
        former.insert("verification_tokens", id=uuid4(), user_id=ada, token_hash=bytes([9] * 32), created_at=THEN, expires_at=THEN + timedelta(1))
    add_email(former, unverified, "password-reset")

    former.migrate_through(12)
    former_reasons |= {add_session(former, ada, reason): reason for reason in ("email-changed", "account-deleted")}
    add_email(former, ada, "email-change")
    former.insert(
        "email_changes",
        **{"user_id": ada, "id": uuid4(), "email": "new@example.org", "current_token_hash": bytes([1] * 32), "new_token_hash": bytes([2] * 32)},
        **{"requested_at": THEN, "expires_at": THEN + timedelta(days=1)},
    )

    former.migrate_through(13)
    assert former.rows("SELECT DISTINCT name, deletes_at FROM users") == [("", None)]
    earlier = add_session(former, unverified, started_at=THEN - timedelta(days=29))

    former.migrate_through(14)
    assert former.rows("SELECT count(*) FROM sessions WHERE authenticated_at = started_at AND methods = '{pwd}'") == [(7,)]
    assert former.rows("SELECT authenticated_at FROM sessions WHERE id = %s", earlier) == [(THEN - timedelta(days=29),)]

    for version in (20, 21, 23, 24, 25):
        former.migrate_through(version)
    assert former.rows("SELECT DISTINCT suspended_at, has_password FROM users") == [(None, True)]
    assert len(former.rows("SELECT DISTINCT kind FROM sent_emails")) == 5, "each kind of before is a kind"
    assert former.rows("SELECT DISTINCT methods FROM sessions") == [(["pwd"],)]

    team = uuid4()
    former.insert("teams", id=team, name="crew", email="ada@example.org", created_at=THEN)
    former.insert("team_members", id=uuid4(), team_id=team, user_id=ada, role="owner", joined_at=THEN)
    former.insert(
        "team_invitations",
        **{"id": uuid4(), "team_id": team, "email": "guest@example.org", "role": "viewer", "invited_by": ada, "token_hash": bytes(32)},
        **{"created_at": THEN, "expires_at": THEN + timedelta(days=7)},
    )
    former.migrate_through(28)
    assert former.rows("SELECT team_id, user_id, created_at FROM created_teams") == [(team, ada, THEN)]
    assert former.rows("SELECT invited_by, address_hash, sent_at FROM sent_invitations") == [(ada, hash_address("guest@example.org"), THEN)]

    former.migrate_through(29)
    former.insert(
        "api_tokens",
        **{"id": uuid4(), "user_id": ada, "name": "ci", "token_hash": bytes(32), "scopes": ["read"]},
        **{"created_at": THEN, "expires_at": THEN + timedelta(days=30)},
    )
    former.migrate_through(31)
    assert former.rows("SELECT user_id, service_account_id FROM api_tokens") == [(ada, None)]

    former.migrate_through(35)
    erased = uuid4()
    for sequence, (function, target) in enumerate((("auth.on_user_deleted", f"users/{erased}"), ("auth.login", f"users/{ada}")), 1):
        former.insert(
            "audit_log",
            **{"sequence": sequence, "id": uuid4(), "at": THEN, "user_id": None, "function": function, "target": target, "content": "{}"},
            hash=sha256(b"{}").digest(),
        )
    former.migrate_through(36)
    assert former.rows("SELECT user_id, erased_at FROM audit_erasures") == [(erased, THEN)]

    former.migrate_through(37)
    former.migrate_through(38)
    ((known_since, last_start),) = former.rows("SELECT at, now() + interval '1 hour' FROM environments_known_since")
    assert THEN < known_since <= last_start, "applications of these accounts may have environments that nobody heard of"

    former.migrate_to_newest()
    assert not former.unvisited(since=FIRST), "apply these versions here, one at a time, to rows of the version before"

    async with in_postgres(former.database.functions_url) as stores, stores.transaction():
        for session, reason in former_reasons.items():
            stored = await stores.sessions.lock(session)
            assert stored is not None
            assert (stored.authenticated_at, stored.methods) == (THEN, PASSWORD_ONLY)
            assert (stored.end_reason, stored.generation) == (EndReason(reason) if reason else None, 7)
        for kind in ("verification", "registration-repeated", "registration-failed", "password-reset"):
            assert await stores.sent_emails.count(unverified, EmailKind(kind), THEN - timedelta(seconds=1)) == 1
        assert not await stores.users.delete_unverified(THEN, 10)
        after = THEN + timedelta(seconds=1)
        assert [user.id for user in await stores.users.delete_unverified(after, 10)] == [unverified], "only accounts that never verified"
    assert former.rows("SELECT count(*) FROM sessions WHERE user_id = %s", unverified) == [(0,)]
