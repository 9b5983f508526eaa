"""Token sources: where a client's access token comes from."""

from cli.client import Client
from cli.credentials import Credentials
from cli.failures import ApiError, NotSignedIn


class StaticToken:
    """The token of `CAPSULE_TOKEN`. It cannot be refreshed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str | None:
        return self._token

    def refresh(self, rejected: str) -> str | None:
        """Raises NotSignedIn: `capsule login` would not help, because the variable takes precedence over the stored login."""
        raise NotSignedIn("CAPSULE_TOKEN is set and invalid", "the API rejects it", hint="Unset or replace CAPSULE_TOKEN.")


class StoredLogin:
    """The login of this machine, refreshed when its access token expires."""

    def __init__(self, credentials: Credentials, anonymous: Client) -> None:
        self._credentials = credentials
        self._anonymous = anonymous

    def token(self) -> str | None:
        return self._valid_token(None)

    def refresh(self, rejected: str) -> str | None:
        return self._valid_token(rejected)

    def _valid_token(self, rejected: str | None) -> str:
        login_before = self._credentials.login()
        try:
            login = self._credentials.refreshed(
                lambda login: self._anonymous.post("/v1/sessions/refresh", {"refreshToken": login.refresh_token}), rejected=rejected
            )
        except ApiError as error:
            if error.status not in (401, 403) or login_before is None:
                raise
            self._credentials.remove(login_before)
            raise NotSignedIn("Your session is over", error.detail or error.title) from error
        if login is None:
            raise NotSignedIn
        return login.access_token
