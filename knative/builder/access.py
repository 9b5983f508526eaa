"""The credentials of an application's repository: deploy key, access token, known host keys.

They are files of a Secret that only the clone's container mounts. The container with the tenant's build scripts never
has them: neither the mount nor the folder into which they are copied here.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from functions.wire.git_urls import GitUrl

KEY, TOKEN, KNOWN_HOSTS = "ssh-key", "token", "known-hosts"
"""Files of the mount: an OpenSSH private key; the line of git-credential-store(1); lines of known_hosts (sshd(8))."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An access token. It is sent to one server only."""

    scheme: str
    authority: str
    user: str
    token: str = field(repr=False)


@dataclass(slots=True)
class RepositoryAccess:
    """The files of the mount, copied into `folder`, which ends with the clone's container.

    The copies have the modes that ssh requires; a mount of a cluster may be readable by its group.
    """

    folder: Path
    credential: Credential | None = None
    has_key: bool = False
    known_hosts: str = field(default="", repr=False)

    @classmethod
    def install(cls, mount: Path, folder: Path) -> Self:
        """Copy the credentials. A missing file is a credential that the application does not have."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        access = cls(folder)
        if key := _read(mount / KEY):
            access.has_key = True
            _write(access.key_file, key.rstrip() + "\n")
        if line := _read(mount / TOKEN).strip():
            parts = urlsplit(line)
            access.credential = Credential(
                parts.scheme, parts.netloc.rpartition("@")[2], unquote(parts.username or ""), unquote(parts.password or "")
            )
            _write(access.credential_file, line + "\n")
        access.known_hosts = _read(mount / KNOWN_HOSTS)
        _write(access.known_hosts_file, access.known_hosts.rstrip() + "\n" if access.known_hosts.strip() else "")
        return access

    @property
    def key_file(self) -> Path:
        return self.folder / "id"

    @property
    def credential_file(self) -> Path:
        return self.folder / "credentials"

    @property
    def known_hosts_file(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def git_options(self) -> tuple[str, ...]:
        """Let git ask its own credential store, which answers for the token's scheme, host and port only."""
        return (f"credential.helper=store --file='{self.credential_file}'",) if self.credential else ()

    def credential_for(self, url: GitUrl) -> Credential | None:
        """Return the token if it belongs to the URL's server."""
        credential = self.credential
        return credential if credential and (credential.scheme, credential.authority) == (url.scheme, url.authority) else None

    def knows_host(self, name: str) -> bool:
        """Whether the known hosts list a key or an authority for this name: `host`, or `[host]:port`. Hashed names count."""
        return subprocess.run(["ssh-keygen", "-F", name, "-f", str(self.known_hosts_file)], capture_output=True).returncode == 0

    def learned_host_keys(self) -> Sequence[str]:
        """Return the lines that ssh added for hosts that were unknown: `name type key`."""
        before = set(self.known_hosts.splitlines())
        return [line for line in _read(self.known_hosts_file).splitlines() if line.strip() and line not in before]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
