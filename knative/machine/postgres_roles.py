"""Roles of the local PostgreSQL: an owner, a functions' role and a reader's role for each context.

Functions and readers have two logins each (`logins`). The second one is a member of the first one and inherits its privileges; the first one stays,
without a password while the second one is current, as what privileges are granted to. The owner is used by `up` alone, which sets its password.
"""

import base64
import hashlib
import hmac
import os

import psycopg
from psycopg import sql

from functions.runtime.storage.database import LOCK_TIMEOUT
from knative.machine import secrets
from knative.machine.home import Home
from knative.machine.logins import Login, User

ROLES = ("owner", "functions", "reader")
ROTATING = ("functions", "reader")
SCRAM_ITERATIONS = 1
"""They make guessing slow, and each login too: PostgreSQL's own 4,096 take 2 ms of a function's cold start. These passwords have 192 random bits."""
READER_SETTINGS = ("default_transaction_read_only = on", f"lock_timeout = '{LOCK_TIMEOUT}'")


def user(home: Home, role: str) -> User:
    """The two logins of a role of functions or readers."""
    return User(home, role, f"{role}_alternate", role)


def login(home: Home, role: str) -> Login:
    """The login that stands for a role of this server."""
    return user(home, role).current if role.endswith(tuple(f"_{each}" for each in ROTATING)) else Login(role, secrets.password(home, role))


def create(connection: psycopg.Connection, home: Home, context: str) -> None:
    """Create the roles of a context, and accept their current passwords. Idempotent."""
    _set_password(connection, f"{context}_owner", secrets.password(home, f"{context}_owner"))
    for role in (f"{context}_{each}" for each in ROTATING):
        if not _exists(connection, role):
            _execute(connection, "CREATE ROLE {} NOLOGIN", role)
        _accept(connection, role, user(home, role).current)


def stage(connection: psycopg.Connection, home: Home, context: str) -> None:
    """Give the other login of each role a new password, and accept it."""
    for role in (f"{context}_{each}" for each in ROTATING):
        _accept(connection, role, user(home, role).stage())


def switch(home: Home, context: str) -> None:
    """Make the other login of each role the current one."""
    for each in ROTATING:
        user(home, f"{context}_{each}").switch()


def close_former(connection: psycopg.Connection, home: Home, context: str) -> None:
    """Refuse the former passwords. Connections that are open stay until their pool closes them. Idempotent."""
    for role in (f"{context}_{each}" for each in ROTATING):
        if _exists(connection, other := user(home, role).other):
            _execute(connection, "ALTER ROLE {} NOLOGIN PASSWORD NULL", other)


def rotate_owner(connection: psycopg.Connection, home: Home, context: str) -> None:
    """Replace the password of the owner. The stored one comes first: `create` sets it again after a crash."""
    password = secrets.store(home, f"{context}_owner.password", secrets.new_password())
    _set_password(connection, f"{context}_owner", password)


def _accept(connection: psycopg.Connection, role: str, login: Login) -> None:
    _set_password(connection, login.name, login.password)
    if login.name != role:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login.name)))
    if role.endswith("_reader"):
        for setting in READER_SETTINGS:  # settings are not inherited
            _execute(connection, "ALTER ROLE {} SET " + setting, login.name)


def _set_password(connection: psycopg.Connection, name: str, password: str) -> None:
    verb = "ALTER" if _exists(connection, name) else "CREATE"
    statement = sql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(_scram_verifier(password))))


def _scram_verifier(password: str) -> str:
    """Return what PostgreSQL stores of a password (RFC 5803; RFC 5802 section 3)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (base64.b64encode(each).decode() for each in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{salt_text}${stored}:{server}"


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None


def _execute(connection: psycopg.Connection, statement: str, name: str) -> None:
    connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
