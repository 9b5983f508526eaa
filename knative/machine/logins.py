"""Logins: the names and passwords with which functions connect to PostgreSQL and RabbitMQ.

A user has two logins with the same permissions, of which one is current. A rotation gives the other one a new password, makes it current, and refuses
the former password when no process reads it any more. So a server accepts, at each moment, every password that a process may have read. A rotation
that was interrupted anywhere is begun again.
"""

from dataclasses import dataclass

from knative.machine import secrets
from knative.machine.home import Home


@dataclass(frozen=True)
class Login:
    """A name that the server knows, and its password."""

    name: str
    password: str


@dataclass(frozen=True)
class User:
    """`name`: the first login. `alternate`: the second one. `secret`: how their stored passwords are named."""

    home: Home
    name: str
    alternate: str
    secret: str

    @property
    def current(self) -> Login:
        """The login that processes use. Its password is generated at first use."""
        name = self._current_name
        return Login(name, secrets.password(self.home, self._stored(name)))

    @property
    def other(self) -> str:
        """The name of the login that is not current."""
        return self.name if self._current_name == self.alternate else self.alternate

    def stage(self) -> Login:
        """Give the other login a new password. The server has to accept it before `switch`."""
        return Login(self.other, secrets.store(self.home, f"{self._stored(self.other)}.password", secrets.new_password()))

    def switch(self) -> None:
        """Make the other login the current one."""
        secrets.store(self.home, f"{self.secret}.current", self.other)

    @property
    def _current_name(self) -> str:
        return secrets.find(self.home, f"{self.secret}.current") or self.name

    def _stored(self, login: str) -> str:
        return self.secret if login == self.name else f"{self.secret}-alternate"
