"""The stored logins of this machine: one file that only its owner can read, one login per API.

An access token is refreshed shortly before it expires. A refresh token works once, so only one process uses it: the others wait for the file
lock and then read the new token from the file.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cli.failures import ExitCode, Failure

FILE = "credentials.json"
REFRESH_MARGIN_SECONDS = 30.0
LOCK_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Login:
    email: str
    access_token: str
    refresh_token: str
    expires_at: float
    """Unix time."""
    ca_file: str = ""
    """The path of certificate authorities beside the system's, with which the API was verified."""

    def is_fresh(self, now: float) -> bool:
        return now < self.expires_at - REFRESH_MARGIN_SECONDS

    @classmethod
    def from_response(cls, email: str, response: dict[str, Any], now: float, ca_file: str = "") -> "Login":
        return cls(email, response["accessToken"], response["refreshToken"], now + float(response["expiresIn"]), ca_file)


class Credentials:
    def __init__(self, folder: Path, api: str, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / FILE
        self._api = api
        self._clock = clock

    def login(self) -> Login | None:
        """Return the stored login.

        Raises:
            Failure: the file is damaged, or others can read it.
        """
        stored = self._read().get(self._api)
        return Login(**stored) if stored else None

    def store(self, login: Login) -> None:
        with self._locked():
            self._write(login)

    def clear(self) -> None:
        with self._locked():
            self._write(None)

    def remove(self, login: Login) -> None:
        """Remove this login unless another process has signed in since."""
        with self._locked():
            if self.login() == login:
                self._write(None)

    def replace_access_token(self, access_token: str, lifetime_seconds: float) -> None:
        """Store another access token of the same session."""
        with self._locked():
            if login := self.login():
                self._write(replace(login, access_token=access_token, expires_at=self._clock() + lifetime_seconds))

    def refreshed(self, refresh: Callable[[Login], dict[str, Any]], *, rejected: str | None = None) -> Login | None:
        """Return a login with a valid access token, refreshed once for all processes if necessary.

        `rejected` is an access token to which the API answered 401: it counts as expired.
        """
        login = self.login()
        if login is None or self._is_valid(login, rejected):
            return login
        with self._locked():
            login = self.login()
            if login is None or self._is_valid(login, rejected):
                return login
            new_login = Login.from_response(login.email, refresh(login), self._clock(), login.ca_file)
            self._write(new_login)
            return new_login

    def _is_valid(self, login: Login, rejected: str | None) -> bool:
        return login.is_fresh(self._clock()) and login.access_token != rejected

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            with self.path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise Failure(
                        f"{self.path} can be read by others",
                        "its tokens may be known to them",
                        hint=f"chmod 600 {self.path}; capsule logout; capsule login",
                    )
                document = json.load(file)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Failure(f"{self.path} is damaged", str(error), hint=f"rm {self.path}; capsule login") from error
        return dict(document.get("logins") or {})

    def _write(self, login: Login | None) -> None:
        logins = {api: stored for api, stored in self._read().items() if api != self._api}
        if login:
            logins[self._api] = asdict(login)
        new_file = self.path.with_suffix(".new")
        new_file.unlink(missing_ok=True)
        with os.fdopen(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"logins": logins}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new_file.replace(self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout  # slow to import, and most commands do not refresh

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_TIMEOUT_SECONDS, mode=0o600):
                yield
        except Timeout as error:
            raise Failure(
                f"{self.path} is locked",
                f"another capsule command has held it for {LOCK_TIMEOUT_SECONDS:.0f} s",
                hint="End the other command, then try again.",
                exit_code=ExitCode.UNAVAILABLE,
            ) from error
