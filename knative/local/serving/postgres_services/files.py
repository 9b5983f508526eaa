"""A PostgreSQL server of one service on disk: its limits, its data, and its configuration.

The folder of a service belongs to the platform, and only `data` in it to the account of the servers.
"""

import os
import re
import secrets
import shutil
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from knative.local.serving.service_account import server_account
from knative.local.serving.service_folder import ServiceFolder, size_of

SERVICE = re.compile(r"s[0-9a-f]{1,16}")
LOGIN = re.compile(r"(s[0-9a-f]{1,16})_([0-9]{1,9}|control|backup)")
"""Applications log in with a number, the platform as `control` and, for a copy of the whole server, as `backup`."""
MAX_LOG_BYTES = 4 << 20
MIN_ADDRESS_SPACE_MIB = 1024
READY = b"ready"
SOCKET = ".s.PGSQL.5432"
BINARIES = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Limits:
    memory_mib: int
    """Of all processes of the server together."""
    cpu_millis: int
    storage_mib: int
    """Of the data. It is measured; what bounds the disk at once is `temp_file_limit` and the size of the write-ahead log."""
    max_connections: int

    @property
    def server_connections(self) -> int:
        """Twice as many as the plan while credentials rotate, and some for the platform."""
        return 2 * self.max_connections + 10

    @property
    def address_space_bytes(self) -> int:
        """Of one process: a statement fails that needs more than the server may have, and the others go on."""
        return max(self.memory_mib, MIN_ADDRESS_SPACE_MIB) << 20


class ServerFiles(ServiceFolder):
    """The folder of one server."""

    title = "database server"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.draft = folder / "data.new"

    @property
    def is_serving(self) -> bool:
        """Whether connections of applications go to this server. False before its data are complete."""
        return self.exists() and bool(self.read()["isServing"])

    def set_serving(self, is_serving: bool) -> None:
        """Raises UnknownService."""
        self.write({**self.read(), "isServing": is_serving})

    def create(self, limits: Limits) -> None:
        """Create or change the settings. Idempotent. Other limits take effect at the next start."""
        self.create_folder()
        former = self.read() if self.exists() else {"isServing": False, "control": secrets.token_hex(24), "backup": secrets.token_hex(24)}
        self.write({**former, **asdict(limits)})

    def create_data_folder(self) -> None:
        """Create an empty folder for the data, which `adopt_data` moves into place."""
        shutil.rmtree(self.draft, ignore_errors=True)
        self.draft.mkdir(mode=0o700)
        if account := server_account():
            os.chown(self.draft, account.pw_uid, account.pw_gid)

    def adopt_data(self) -> None:
        self.draft.rename(self.data)

    @property
    def version(self) -> int:
        """The major version of PostgreSQL that wrote the data. Raises OSError."""
        return int((self.data / "PG_VERSION").read_text().strip())

    @property
    def limits(self) -> Limits:
        """Raises UnknownService."""
        stored = self.read()
        return Limits(stored["memory_mib"], stored["cpu_millis"], stored["storage_mib"], stored["max_connections"])

    def password(self, login: str) -> str:
        """`login`: control or backup. Raises UnknownService."""
        return str(self.read()[login])

    def size_bytes(self) -> int:
        """Of the databases of applications in it, without those of PostgreSQL itself (numbers below 16384)."""
        try:
            databases = [each for each in os.scandir(self.data / "base") if each.name.isdecimal() and int(each.name) >= 16384]
        except FileNotFoundError:
            return 0
        return size_of(each.path for each in databases)

    def is_ready(self) -> bool:
        """Whether the server that runs accepts connections, as the last line of its lock file says (`pg_ctl` reads it too)."""
        try:
            descriptor = os.open(self.data / "postmaster.pid", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # there is none
            return False
        with os.fdopen(descriptor, "rb") as file:
            return stat.S_ISREG(os.fstat(descriptor).st_mode) and file.read(4096).rstrip().endswith(READY)

    def remove_lock_files(self) -> None:
        """Of a server that was killed, or that this one is a copy of. Each names a pid, which may be another process of the account by now."""
        for each in ("postmaster.pid", f"{SOCKET}.lock"):
            (self.data / each).unlink(missing_ok=True)

    def prepare_start(self) -> None:
        """Write what the server reads when it starts, into the folder of the platform. Raises UnknownService."""
        self.publish(self.folder / "postgresql.conf", _configuration(self.limits, self.folder))
        self.publish(self.folder / "pg_hba.conf", ACCESS_RULES)
        self.trim_log(MAX_LOG_BYTES)


def find_binaries(version: int | None = None) -> Path | None:
    """The folder of `postgres` and `initdb`: of the major version that wrote the data, or of the newest one. None: it is not installed."""
    installed = {int(path.parts[-3]): path.parent for path in BINARIES.glob("*/bin/initdb") if path.parts[-3].isdecimal()}
    if installed:
        return installed.get(version or max(installed))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


ACCESS_RULES = """local replication all scram-sha-256
local all all scram-sha-256
"""
"""Everybody needs a password, and PostgreSQL's own superuser has none."""


def _configuration(limits: Limits, folder: Path) -> str:
    """A tenant can change `work_mem` and the time-outs for its own sessions, but not what is shared."""
    settings = {
        "hba_file": str(folder / "pg_hba.conf"),
        "listen_addresses": "",
        "unix_socket_directories": ".",  # the server works in the folder of its data
        "unix_socket_permissions": "0700",
        "max_connections": str(limits.server_connections),
        "shared_buffers": f"{limits.memory_mib // 4}MB",
        "effective_cache_size": f"{limits.memory_mib * 3 // 4}MB",
        "work_mem": "4MB",
        "maintenance_work_mem": f"{max(32, limits.memory_mib // 16)}MB",
        "temp_file_limit": f"{limits.storage_mib // 4}MB",
        "max_wal_size": "1GB",
        "min_wal_size": "80MB",
        "max_worker_processes": "8",
        "max_parallel_workers_per_gather": str(max(0, limits.cpu_millis // 1000 - 1)),
        "autovacuum_max_workers": "2",
        "jit": "off",
        "random_page_cost": "1.1",
        "idle_in_transaction_session_timeout": "10min",
        "wal_level": "replica",  # for a copy of the whole server while it runs
        "max_wal_senders": "2",
        "max_prepared_transactions": "0",
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.max": "1000",
        "dynamic_library_path": "$libdir",
        "log_line_prefix": "%m [%p] ",
        "log_min_error_statement": "panic",  # statements contain data
        "log_min_messages": "warning",
        "log_checkpoints": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    return "".join(f"{name} = '{value}'\n" for name, value in settings.items())
