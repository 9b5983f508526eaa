"""A Redis service on disk: its limits, its users, its data, and the configuration of its server.

The folder of a service belongs to the platform, and only `data` in it to the account of the servers: what this process reads and writes by path
is nothing that a server can replace.
"""

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from functions.wire.redis_services import CONTROL, LOGIN_RULES, process_mib, server_limits
from knative.local.serving.redis_services.snapshot_files import SnapshotFiles
from knative.local.serving.service_account import server_account
from knative.local.serving.service_folder import ServiceFolder, size_of

SERVICE = re.compile(r"s[0-9a-f]{1,16}")
LOGIN = re.compile(r"(s[0-9a-f]{1,16})_([0-9]{1,9})")
FILES_AT_A_TIME = 4
"""Of the data: the base and the increments of the append-only file, twice while it is being rewritten. Each may have a fourth of the storage."""
MAX_LOG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    memory_mib: int
    """Of the data (`maxmemory`)."""
    storage_mib: int
    max_connections: int

    @property
    def file_bytes(self) -> int:
        return (self.storage_mib << 20) // FILES_AT_A_TIME

    @property
    def process_bytes(self) -> int:
        """Of the server with its buffers and, while it rewrites its file, a copy of what changes meanwhile."""
        return process_mib(self.memory_mib) << 20


class ServiceFiles(ServiceFolder):
    """The folder of one service."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.configuration = folder / "redis.conf"
        self.snapshots = SnapshotFiles(folder, self.data)
        self._users = folder / "users.acl"

    def create(self, limits: Limits) -> None:
        """Idempotent. Later limits replace former ones at the next start of the server."""
        self.create_folder()
        self.data.mkdir(exist_ok=True, mode=0o700)
        if account := server_account():
            os.chown(self.data, account.pw_uid, account.pw_gid, follow_symlinks=False)
        control = self.control_password if self.exists() else secrets.token_hex(24)
        if not self._users.exists():
            self._write_users({})
        self.write({**asdict(limits), "control": control})

    @property
    def limits(self) -> Limits:
        """Raises UnknownService."""
        stored = self.read()
        return Limits(stored["memory_mib"], stored["storage_mib"], stored["max_connections"])

    @property
    def control_password(self) -> str:
        """Raises UnknownService."""
        return str(self.read()["control"])

    def users(self) -> dict[str, str]:
        """Login → SHA-256 of its password."""
        try:
            lines = self._users.read_text().splitlines()
        except FileNotFoundError:
            return {}
        found = (re.fullmatch(r"user (\S+) on #([0-9a-f]{64}) .*", line) for line in lines)
        return {match[1]: match[2] for match in found if match and match[1] != CONTROL}

    def set_user(self, login: str, digest: str) -> None:
        self._write_users({**self.users(), login: digest})

    def delete_user(self, login: str) -> None:
        self._write_users({name: digest for name, digest in self.users().items() if name != login})

    def accepts(self, login: str, password: bytes) -> bool:
        digest = self.users().get(login)
        return digest is not None and hmac.compare_digest(digest, hashlib.sha256(password).hexdigest())

    def size_bytes(self) -> int:
        """Of the data."""
        return size_of([self.data])

    def prepare_start(self) -> None:
        """Write what the server reads when it starts. Raises UnknownService."""
        limits = self.limits
        self.snapshots.complete_restore()
        digest = hashlib.sha256(self.control_password.encode()).hexdigest()
        self._write_users(self.users(), f"user {CONTROL} on #{digest} ~* &* +@all\n")
        self.publish(self.configuration, _configuration(limits, self._users, self.data))
        self.trim_log(MAX_LOG_BYTES)
        (self.data / "redis.sock").unlink(missing_ok=True)

    def _write_users(self, users: dict[str, str], control: str | None = None) -> None:
        if control is None and self._users.exists():
            control = next((f"{line}\n" for line in self._users.read_text().splitlines() if line.startswith(f"user {CONTROL} ")), "")
        lines = [user_line(login, digest) for login, digest in users.items()]
        self.publish(self._users, "\n".join(("user default off resetpass resetkeys -@all", *lines, control or "")))


def user_line(login: str, digest: str) -> str:
    return f"user {login} on #{digest} {LOGIN_RULES}"


def _configuration(limits: Limits, users: Path, data: Path) -> str:
    rewrite_min_bytes = min(8 << 20, limits.file_bytes // 4)
    return f"""port 0
unixsocket redis.sock
unixsocketperm 700
dir "{data}"
set-proc-title no
aclfile "{users}"
{server_limits(limits.memory_mib, limits.max_connections, rewrite_min_bytes)}"""
