"""One run of the command: its settings, API clients, output and lookups. Every command receives it as its first argument."""

import os
import shlex
import time
from collections.abc import Callable
from functools import cached_property

from cli.api import Api
from cli.client import MAX_ATTEMPTS, Client, Json, TokenSource
from cli.credentials import Credentials, Login
from cli.device_login import DeviceLogin
from cli.failures import ApiError, Failure, NotFound, NotSignedIn, UsageError
from cli.lookup import is_full_id, match_prefix, resolve_id
from cli.output import Output
from cli.prompts import ask_code, ask_password
from cli.settings import Settings, is_loopback, read, working_folder
from cli.tokens import StaticToken, StoredLogin

MAX_NAMES = 8
"""Of applications that an error lists."""


class Session:
    def __init__(self, settings: Settings, output: Output) -> None:
        self.settings = settings
        self.output = output
        self.credentials = Credentials(settings.folder, settings.api)

    @classmethod
    def open(cls, api: str | None, output: Output) -> "Session":
        return cls(read(api, os.environ, working_folder()), output)

    @cached_property
    def anonymous(self) -> Client:
        """A client for requests that need no account."""
        return self.client()

    @cached_property
    def ca_file(self) -> str:
        """The path of certificate authorities beside the system's; empty: there are none."""
        if self.settings.ca_file:
            return self.settings.ca_file
        stored = self.credentials.login()
        return stored.ca_file if stored else ""

    def client(self, tokens: TokenSource | None = None, *, max_attempts: int = MAX_ATTEMPTS) -> Client:
        return Client(self.settings.api, tokens, ca_file=self.ca_file, on_wait=self.output.note, max_attempts=max_attempts)

    @cached_property
    def api(self) -> Client:
        """A client that acts as the user who is signed in.

        Raises:
            NotSignedIn: there is neither `CAPSULE_TOKEN` nor a stored login.
        """
        if self.settings.token:
            return self.client(StaticToken(self.settings.token))
        if self.credentials.login() is None:
            raise NotSignedIn(f"You are not signed in at {self.settings.api}")
        return self.client(StoredLogin(self.credentials, self.anonymous))

    @cached_property
    def operations(self) -> Api:
        """The operations of the API as typed methods, as the user who is signed in. Raises NotSignedIn."""
        return Api(self.api)

    def environment(self, option: str | None) -> str:
        """Return the environment of `--env`, or the default one."""
        return option or self.settings.environment

    def _own_applications(self) -> str:
        """Return a sentence with the names that can be selected; empty if they are unknown."""
        if not self.settings.token and self.credentials.login() is None:
            return ""
        try:
            names = [each["name"] for each in self.operations.deploy.all_applications(limit=100)]
        except Failure:
            return ""  # the sentence only helps: what is wrong is that none is selected
        if not names:
            return "Create one: capsule apps create NAME REPOSITORY"
        return f"Your applications: {', '.join(names[:MAX_NAMES])}{' …' if len(names) > MAX_NAMES else ''}"

    def application(self, option: str | None) -> Json:
        """Return the selected application by name, id or the beginning of its id: an object with `id` and `name`."""
        selected = option or self.settings.app
        if not selected:
            raise UsageError("No application selected", hint=f"Use --app NAME, or run `capsule link NAME` once. {self._own_applications()}".rstrip())
        if is_full_id(selected):
            return self.api.get(f"/v1/apps/{selected}")
        applications = self.api.items("/v1/apps", limit=100)
        by_name = next((each for each in applications if each["name"] == selected), None)
        if by_name:
            return by_name
        application_id = match_prefix("application", selected, [each["id"] for each in applications])
        if application_id is None:
            raise NotFound(f'You have no application "{selected}"', hint="capsule apps list")
        return next(each for each in applications if each["id"] == application_id)

    def deployment_id(self, application: Json, text: str) -> str:
        """Return a deployment's full id from the beginning of it."""
        return resolve_id("deployment", text, lambda: self._ids(f"/v1/apps/{application['id']}/deployments"), hint="capsule status")

    def command(self, words: str, application: Json | None = None) -> str:
        """Return a `capsule` command to type next, with `--app` unless this folder selects the application already."""
        if application is None or self.settings.app in (application["name"], application["id"]):
            return f"capsule {words}"
        return f"capsule {words} --app {shlex.quote(application['name'])}"

    def open_mail(self) -> list[str]:
        """The next step after an e-mail: a Capsule on one machine stores e-mails as files unless an SMTP server is configured."""
        return ["./taskw mail   (prints the newest e-mail if this machine stores e-mails as files)"] if is_loopback(self.settings.api) else []

    def sign_in(self, email: str, password: str, ask_code: Callable[[], str]) -> tuple[Login, str | None]:
        """Start a session and store its tokens. `ask_code` is called if the account has a second factor. Returns also when the account is deleted."""
        try:
            response = self.anonymous.post("/v1/sessions", {"email": email, "password": password})
        except ApiError as error:
            if error.type != "second-factor-required":
                raise
            body = {"challenge": error.problem["challenge"], "code": ask_code()}
            response = self.anonymous.post("/v1/sessions/second-factor", body)
        login = Login.from_response(email, response, time.time(), self.ca_file)
        self.credentials.store(login)
        return login, response.get("deletesAt")

    def sign_in_with_browser(self) -> tuple[Login, str | None]:
        """Start a session that is confirmed in a browser (RFC 8628), and store its tokens.

        Raises:
            Failure: the user denied the sign-in, or the code expired.
        """
        response = DeviceLogin(self.anonymous, self.output).run()
        profile = self.client(StaticToken(response["accessToken"])).get("/v1/users/me")
        login = Login.from_response(profile["email"], response, time.time(), self.ca_file)
        self.credentials.store(login)
        return login, response.get("deletesAt")

    def confirmed(self, action: Callable[[], Json], *, from_stdin: bool = False) -> Json:
        """Run an action that needs a recent sign-in. If the sign-in is older, ask for the code or the password, and run it again."""
        try:
            return action()
        except ApiError as error:
            if error.type != "recent-login-required":
                raise
        self.output.note("This needs a recent sign-in.")
        if self.api.get("/v1/users/me/second-factor")["isEnabled"]:
            body = {"code": ask_code(from_stdin=from_stdin)}
        else:
            body = {"password": ask_password(from_stdin=from_stdin, confirm=False)}
        response = self.api.post("/v1/sessions/current/confirmation", body)
        self.credentials.replace_access_token(response["accessToken"], float(response["expiresIn"]))
        return action()

    def _ids(self, path: str) -> list[str]:
        return [str(each["id"]) for each in self.api.items(path, limit=100)]
