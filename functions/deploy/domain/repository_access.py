"""The credentials of an application's repository: a deploy key for ssh, an access token for https, known host keys.

Only the container that clones gets them (`build_secret`). Private key and token are sealed wherever they are stored.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import quote
from uuid import UUID

from functions.deploy.domain.rejections import InvalidAccessToken, InvalidHostKeys
from functions.kernel import FieldError
from functions.wire.git_urls import DEFAULT_PORTS, BadGitUrl, GitUrl

KEY_FILE, TOKEN_FILE, KNOWN_HOSTS_FILE = "ssh-key", "token", "known-hosts"
"""Files that the clone's container reads (`knative/builder/access.py`)."""
DEFAULT_TOKEN_USER = "x-token-auth"
"""GitHub, GitLab and Gitea accept any user name with a token, Bitbucket's repository tokens need this one."""
MAX_TOKEN_LENGTH, MAX_HOST_KEYS, MAX_HOST_KEY_LENGTH = 1000, 20, 2000
_HOST_KEY_TYPE = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)")
_HOST_NAMES = re.compile(r"[A-Za-z0-9_.:\[\],-]+")


@dataclass(frozen=True, slots=True)
class DeployKey:
    """An Ed25519 key pair of one application. The public key is a line of authorized_keys (sshd(8))."""

    public_key: str
    sealed_private_key: str
    created_at: datetime

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public_key.split()[1])


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token for one server. It is never sent to another one, also when the application's repository moves."""

    server: str
    """Scheme, host and port, such as `https://github.com`."""
    user: str
    sealed: str
    set_at: datetime

    def is_for(self, url: GitUrl) -> bool:
        """Whether the repository is at the token's server. Former releases have stored host names as they were typed."""
        known = _url_of(f"{self.server}/repository")
        return known is not None and server_of(known) == server_of(url)

    @classmethod
    def create(cls, repository: str | None, token: str, user: str | None, *, allows_http: bool, seal: Callable[[str], str], at: datetime) -> Self:
        """`allows_http`: the operator lists the repository's host. Raises InvalidAccessToken."""
        errors = []
        if not re.fullmatch(rf"[!-~]{{1,{MAX_TOKEN_LENGTH}}}", token):
            errors.append(FieldError("/token", f"token: use 1–{MAX_TOKEN_LENGTH} printable characters without spaces"))
        if user is not None and not re.fullmatch(r"[!-~]{1,100}", user):
            errors.append(FieldError("/user", "user: use 1–100 printable characters without spaces"))
        url = _url_of(repository)
        if url is None:
            errors.append(FieldError("/token", "the application has no repository, or one with an address that is none"))
        elif url.is_ssh:
            errors.append(FieldError("/token", f"{url.text} is read over ssh, with the deploy key (capsule key show): a token needs an https URL"))
        elif url.scheme == "http" and not allows_http:
            errors.append(FieldError("/token", f"{url.text} is not encrypted: change the repository to its https URL first"))
        if errors or url is None:
            raise InvalidAccessToken.of(errors)
        return cls(server_of(url), user or DEFAULT_TOKEN_USER, seal(token), at)


@dataclass(frozen=True, slots=True)
class HostKey:
    """A line of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), without markers and hashes."""

    names: str
    """`host`, or `[host]:port`; several with commas."""
    type: str
    key: str

    @classmethod
    def parse(cls, line: str, host: str = "") -> Self:
        """`host`: the name for a line of type and key only. Raises ValueError."""
        words = line.split()
        if len(words) >= 2 and _HOST_KEY_TYPE.fullmatch(words[0]) and host:
            words.insert(0, host)
        if len(line) > MAX_HOST_KEY_LENGTH or len(words) < 3 or not _HOST_NAMES.fullmatch(words[0]) or not _HOST_KEY_TYPE.fullmatch(words[1]):
            raise ValueError("use a line of known_hosts, such as: github.com ssh-ed25519 AAAA…")
        try:
            base64.b64decode(words[2], validate=True)
        except binascii.Error as error:
            raise ValueError("the key is not valid base64") from error
        return cls(words[0].lower(), words[1], words[2])

    @property
    def line(self) -> str:
        return f"{self.names} {self.type} {self.key}"

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.key)


@dataclass(slots=True)
class RepositoryAccess:
    """What one application presents to the server of its repository, and expects from it."""

    application_id: UUID
    key: DeployKey | None = None
    token: AccessToken | None = None
    host_keys: tuple[HostKey, ...] = ()

    def set_host_keys(self, lines: Sequence[str], repository: str | None) -> None:
        """Replace the known host keys; none: the keys at the next clone are trusted. Raises InvalidHostKeys."""
        url = _url_of(repository)
        host = known_hosts_name(url) if url is not None and url.is_ssh else ""
        parsed, errors = [], []
        for index, line in enumerate(lines):
            try:
                parsed.append(HostKey.parse(line, host))
            except ValueError as error:
                errors.append(FieldError(f"/hostKeys/{index}", str(error)))
        if len(lines) > MAX_HOST_KEYS:
            errors.append(FieldError("/hostKeys", f"use at most {MAX_HOST_KEYS} host keys"))
        if errors:
            raise InvalidHostKeys.of(errors)
        self.host_keys = tuple(parsed)

    def learn_host_keys(self, learned: Iterable[HostKey]) -> bool:
        """Add keys of hosts that have none yet (trust on first use). Returns whether any was added."""
        known = {each.names for each in self.host_keys}
        added = tuple(each for each in learned if each.names not in known)[: MAX_HOST_KEYS - len(self.host_keys)]
        self.host_keys += added
        return bool(added)

    def credential_files(self, repository: str, unseal: Callable[[str], str], operator_known_hosts: str) -> dict[str, str]:
        """Return name → content of the files for the clone of a repository.

        `operator_known_hosts`: keys that the operator pins for all applications; they precede what was learned.
        """
        url, files = _url_of(repository), dict[str, str]()
        if self.key is not None:
            files[KEY_FILE] = unseal(self.key.sealed_private_key)
        if self.token is not None and url is not None and self.token.is_for(url):
            scheme, _, authority = server_of(url).partition("://")
            files[TOKEN_FILE] = f"{scheme}://{quote(self.token.user, safe='')}:{quote(unseal(self.token.sealed), safe='')}@{authority}\n"
        pinned = {name for line in operator_known_hosts.splitlines() if line.split() for name in line.split()[0].split(",")}
        lines = [*operator_known_hosts.splitlines(), *(each.line for each in self.host_keys if each.names not in pinned)]
        if lines:
            files[KNOWN_HOSTS_FILE] = "\n".join(lines) + "\n"
        return files


def parse_learned_host_keys(text: str) -> tuple[HostKey, ...]:
    """Read the host keys that a clone reports. Lines that are not valid are dropped."""
    found = []
    for line in text.splitlines()[:MAX_HOST_KEYS]:
        try:
            found.append(HostKey.parse(line))
        except ValueError:
            continue
    return tuple(found)


def _url_of(repository: str | None) -> GitUrl | None:
    """None without a repository, and for a URL that a former release has accepted and this one does not: its build says what is wrong."""
    try:
        return GitUrl.parse(repository) if repository else None
    except BadGitUrl:
        return None


def server_of(url: GitUrl) -> str:
    return f"{url.scheme}://{url.authority}"


def known_hosts_name(url: GitUrl) -> str:
    """Return the name of an ssh server in known_hosts: brackets and port for another port than 22."""
    return url.host if url.port == DEFAULT_PORTS["ssh"] else f"[{url.host}]:{url.port}"


def fingerprint_of(key: str) -> str:
    """Return the fingerprint as ssh-keygen -l shows it. `key`: base64."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
