"""The tokens of this user on this machine: one file, readable by nobody else, one session for each API.

The access token is renewed when it is about to expire. A refresh token is good once, so only one process may show it: the others wait at the lock
and then find the new one in the file.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cli.failures import Exit, Failure

FILE = "credentials.json"
EARLY = 30.0  # seconds before its end at which an access token is renewed
PATIENCE = 60.0


@dataclass(frozen=True)
class Login:
    email: str
    access_token: str
    refresh_token: str
    expires_at: float

    def is_fresh(self, now: float) -> bool:
        return now < self.expires_at - EARLY

    @classmethod
    def of(cls, email: str, answer: dict[str, Any], now: float) -> "Login":
        return cls(email, answer["accessToken"], answer["refreshToken"], now + float(answer["expiresIn"]))


class Credentials:
    def __init__(self, folder: Path, api: str, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / FILE
        self._api = api
        self._clock = clock

    def login(self) -> Login | None:
        found = self._read().get(self._api)
        return Login(**found) if found else None

    def keep(self, login: Login | None) -> None:
        """None forgets."""
        with self._locked():
            self._keep(login)

    def renewed(self, renew: Callable[[Login], dict[str, Any]], *, rejected: str | None = None) -> Login | None:
        """A login whose access token may be used; `rejected` is one that the API would not have any more, whatever its clock says."""
        login = self.login()
        if login is None or self._usable(login, rejected):
            return login
        with self._locked():
            login = self.login()
            if login is None or self._usable(login, rejected):
                return login
            renewed = Login.of(login.email, renew(login), self._clock())
            self._keep(renewed)
            return renewed

    def forget(self, login: Login) -> None:
        """Unless another process has signed in meanwhile."""
        with self._locked():
            if self.login() == login:
                self._keep(None)

    def _usable(self, login: Login, rejected: str | None) -> bool:
        return login.is_fresh(self._clock()) and login.access_token != rejected

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            with self.path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise Failure(
                        f"{self.path} can be read by others, so it may not be secret any more", hint=f"chmod 600 {self.path}; capsule login"
                    )
                said = json.load(file)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Failure(f"{self.path} is damaged", str(error), hint=f"rm {self.path}; capsule login") from error
        return dict(said.get("logins") or {})

    def _keep(self, login: Login | None) -> None:
        logins = {api: kept for api, kept in self._read().items() if api != self._api}
        if login:
            logins[self._api] = asdict(login)
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"logins": logins}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=PATIENCE, mode=0o600):
                yield
        except Timeout as error:
            raise Failure(f"another capsule command holds {self.path} for a minute", exit=Exit.UNAVAILABLE) from error
