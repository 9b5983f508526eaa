"""The providers of the setting CAPSULE_OIDC_PROVIDERS: a JSON list, one object for each.

Google, GitLab and GitHub are known by name and need a client id and secret only. Any other provider needs its issuer.
"""

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from functions.auth.domain.identity import IdentityProvider, Protocol
from functions.kernel import Model
from functions.runtime.config.settings import Settings
from functions.wire.settings import Setting
from functions.wire.settings.forms import Form

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
KNOWN = {
    "google": ("Google", "https://accounts.google.com", Protocol.OPENID_CONNECT),
    "gitlab": ("GitLab", "https://gitlab.com", Protocol.OPENID_CONNECT),
    "github": ("GitHub", "https://github.com", Protocol.GITHUB),
}
GITHUB_API = "https://api.github.com"

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)]


class _Entry(Model):
    model_config = ConfigDict(extra="forbid")

    name: Text
    client_id: Text
    client_secret: Text
    issuer: str = ""
    title: str = Field(default="", max_length=64)
    protocol: Protocol | None = None
    api_url: str = ""


_ENTRIES = TypeAdapter(list[_Entry])


def _provider(entry: _Entry) -> IdentityProvider:
    """Raises ValueError."""
    if not NAME.fullmatch(entry.name):
        raise ValueError(f"the name {entry.name!r} must have lower-case letters, digits and dashes only")
    title, issuer, protocol = KNOWN.get(entry.name, (entry.name, "", Protocol.OPENID_CONNECT))
    issuer = entry.issuer or issuer
    for url in filter(None, (issuer, entry.api_url)):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} of {entry.name} is not an address of a provider")
    if not issuer:
        raise ValueError(f"{entry.name} needs its issuer")
    protocol = entry.protocol or protocol
    api_url = entry.api_url or (GITHUB_API if issuer == KNOWN["github"][1] else f"{issuer}/api/v3")
    return IdentityProvider(
        entry.name,
        entry.title or title,
        issuer,
        entry.client_id,
        entry.client_secret,
        protocol,
        api_url.rstrip("/") if protocol is Protocol.GITHUB else "",
    )


def parse_providers(text: str) -> tuple[IdentityProvider, ...]:
    """Raises ValueError."""
    if not text.strip():
        return ()
    try:
        entries = _ENTRIES.validate_json(text)
    except ValidationError as error:
        raise ValueError("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))) from None
    providers = tuple(map(_provider, entries))
    if len({each.name for each in providers}) < len(providers) or len({each.issuer for each in providers}) < len(providers):
        raise ValueError("each provider needs a name and an issuer of its own")
    return providers


OIDC_PROVIDERS = Setting(
    "CAPSULE_OIDC_PROVIDERS",
    Form('a JSON list as in [{"name": "github", "clientId": "…", "clientSecret": "…"}]', parse_providers),
    "Providers to sign in with: `google`, `gitlab`, `github`, or any name with the `issuer` of an OpenID Connect provider. See "
    "[Ways to sign in](sign-in.md#providers).",
    is_secret=True,
)


class ConfiguredIdentityProviders:
    def __init__(self, settings: Settings) -> None:
        self._providers = settings.value(OIDC_PROVIDERS)

    def list(self) -> Sequence[IdentityProvider]:
        return self._providers

    def get(self, name: str) -> IdentityProvider | None:
        return next((each for each in self._providers if each.name == name), None)
