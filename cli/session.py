"""One run of the command: where to, as whom, and how it is shown. Every command gets it as its first argument."""

import os
import time
from functools import cached_property
from pathlib import Path
from uuid import UUID

from cli.client import Client, Json
from cli.credentials import Credentials, Login
from cli.failures import NoSuch, NotSignedIn, Refused, WrongUse
from cli.output import Output
from cli.settings import Settings, read


class Session:
    def __init__(self, settings: Settings, output: Output) -> None:
        self.settings = settings
        self.output = output
        self.credentials = Credentials(settings.folder, settings.api)

    @classmethod
    def open(cls, api: str | None, output: Output) -> "Session":
        return cls(read(api, os.environ, Path.cwd()), output)

    @cached_property
    def anyone(self) -> Client:
        """For what needs no account."""
        return Client(self.settings.api)

    @cached_property
    def api(self) -> Client:
        """As the one who is signed in."""
        if self.settings.token:
            return Client(self.settings.api, Given(self.settings.token))
        if self.credentials.login() is None:
            raise NotSignedIn(f"You are not signed in at {self.settings.api}")
        return Client(self.settings.api, Kept(self.credentials, self.anyone))

    def environment(self, asked: str | None) -> str:
        return asked or self.settings.environment

    def application(self, asked: str | None) -> Json:
        """By name or id: an object with `id` and `name`."""
        named = asked or self.settings.app
        if not named:
            raise WrongUse("Which application?", hint='--app NAME, or a capsule.toml with app = "NAME" in this folder')
        try:
            return self.api.get(f"/v1/apps/{UUID(named)}")
        except ValueError:
            pass  # it is a name
        for each in self.api.pages("/v1/apps", limit=100):
            if each["name"] == named:
                return each
        raise NoSuch(f"You have no application {named!r}", hint="capsule apps list")

    def sign_in(self, email: str, password: str) -> Login:
        answer = self.anyone.post("/v1/sessions", {"email": email, "password": password})
        login = Login.of(email, answer, time.time())
        self.credentials.keep(login)
        return login


class Given:
    """CAPSULE_TOKEN: as it is; there is nothing to renew it with."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str | None:
        return self._token

    def another(self, rejected: str) -> str | None:
        return None


class Kept:
    """The login of this machine, renewed when it must be."""

    def __init__(self, credentials: Credentials, anyone: Client) -> None:
        self._credentials = credentials
        self._anyone = anyone

    def token(self) -> str | None:
        return self._usable(None)

    def another(self, rejected: str) -> str | None:
        return self._usable(rejected)

    def _usable(self, rejected: str | None) -> str:
        before = self._credentials.login()
        try:
            login = self._credentials.renewed(
                lambda login: self._anyone.post("/v1/sessions/refresh", {"refreshToken": login.refresh_token}), rejected=rejected
            )
        except Refused as refused:
            if refused.status not in (401, 403) or before is None:
                raise
            self._credentials.forget(before)
            raise NotSignedIn("Your session is over", refused.detail or refused.title) from refused
        if login is None:
            raise NotSignedIn
        return login.access_token
