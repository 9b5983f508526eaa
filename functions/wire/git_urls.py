"""URLs of git repositories: http(s), ssh and the short form of scp (`git@host:owner/repo.git`).

The deploy context checks them when an application is created, the builder before it connects. The grammar is that of
git-clone(1), section "GIT URLS", without local paths and without protocols that neither authenticate nor encrypt.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from functions.wire.host_names import ascii_host

DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22}
SSH_SYNONYMS = {"git+ssh": "ssh", "ssh+git": "ssh"}
SSH_USER = "git"
"""The user of a URL that names none: every git host uses it."""
MAX_URL_LENGTH = 500
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:\[\]@]+):(?P<path>.+)")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


class BadGitUrl(ValueError):
    """The text is not the URL of a repository that can be cloned. The message says what would be right."""


@dataclass(frozen=True, slots=True)
class GitUrl:
    text: str
    """As git takes it: scheme and host in lower case, the host in ASCII."""
    scheme: str
    """`http`, `https` or `ssh`."""
    host: str
    """Lower case, without brackets."""
    port: int
    path: str
    user: str = ""
    """Of ssh only."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadGitUrl."""
        if len(text) > MAX_URL_LENGTH or re.search(r"[\s\x00-\x1f\x7f\\]", text):
            raise BadGitUrl(f"it has more than {MAX_URL_LENGTH} characters, or contains spaces or control characters")
        if "://" in text:
            return cls._parse_url(text)
        match = _SCP.fullmatch(text)
        if match and not text.startswith(("-", "/", ".")) and (match["user"] or "." in match["host"] or ":" in match["host"]):
            return cls._checked(text, "ssh", match["host"].strip("[]").lower(), DEFAULT_PORTS["ssh"], match["path"], match["user"] or SSH_USER)
        raise BadGitUrl("use an https:// or ssh:// URL, or git@host:owner/repository.git")

    @classmethod
    def _parse_url(cls, text: str) -> Self:
        scheme, _, rest = text.partition("://")
        scheme = SSH_SYNONYMS.get(scheme.lower(), scheme.lower())
        if scheme == "git":
            raise BadGitUrl("git:// has no encryption: use the https:// or ssh:// URL of the repository")
        if scheme not in DEFAULT_PORTS:
            raise BadGitUrl("use an http://, https:// or ssh:// URL, or git@host:owner/repository.git")
        text = f"{scheme}://{rest}"
        try:
            parts = urlsplit(text)
            host, port = ascii_host((parts.hostname or "").rstrip(".")), parts.port
        except ValueError as error:
            raise BadGitUrl("its host or port is not valid") from error
        if port == 0:
            raise BadGitUrl("its host or port is not valid")
        if parts.password is not None or (scheme != "ssh" and parts.username is not None):
            remedy = "store it with: capsule token set" if scheme != "ssh" else "Capsule uses the application's deploy key: capsule key show"
            raise BadGitUrl(f"remove user name, password and token from the URL; {remedy}")
        if parts.query or parts.fragment or parts.path.strip("/") == "":
            raise BadGitUrl("use the URL that you pass to git clone")
        user = (parts.username or SSH_USER) if scheme == "ssh" else ""
        if parts.hostname != host:  # curl would map the name itself, and resolve another one than was checked
            netloc = (f"{parts.username}@" if parts.username else "") + host + (f":{port}" if port is not None else "")
            text = parts._replace(netloc=netloc).geturl()
        return cls._checked(text, scheme, host, port or DEFAULT_PORTS[scheme], parts.path, user)

    @classmethod
    def _checked(cls, text: str, scheme: str, host: str, port: int, path: str, user: str) -> Self:
        if not host or len(host) > 253 or (scheme == "ssh" and not _HOST.fullmatch(host)):
            raise BadGitUrl("its host or port is not valid")
        if user and not _USER.fullmatch(user):
            raise BadGitUrl(f'its user name "{user}" is not valid; git hosts use "{SSH_USER}"')
        if not path.strip("/"):
            raise BadGitUrl("use the URL that you pass to git clone")
        return cls(text, scheme, host, port, path, user)

    @property
    def is_ssh(self) -> bool:
        return self.scheme == "ssh"

    @property
    def authority(self) -> str:
        """`host`, or `host:port` for another port than the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def over_https(self) -> "GitUrl | None":
        """Return where hosts with the usual ports publish the same repository over https; None for a port of its own."""
        if not self.is_ssh or self.port != DEFAULT_PORTS["ssh"] or "~" in self.path:
            return None
        host = f"[{self.host}]" if ":" in self.host else self.host
        return GitUrl.parse(f"https://{host}/{self.path.lstrip('/')}")


def resolve_relative(base: str, url: str) -> str:
    """Return a submodule's URL. It is relative to the repository's only if it begins with `./` or `../` (git-submodule(1), `add`)."""
    if not url.startswith(("./", "../")):
        return url
    base, separator = base.rstrip("/"), "/"
    while True:
        if url.startswith("../"):
            url = url[3:]
            head, found, _ = base.rpartition("/")
            if not found:
                head, _, _ = base.rpartition(":")
                separator = ":"
            base = head
        elif url.startswith("./"):
            url = url[2:]
        else:
            return f"{base}{separator}{url}"
