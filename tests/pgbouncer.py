"""PgBouncer in transaction mode, in front of a test's PostgreSQL. Debian 12's version (1.18) carries no prepared statements."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from knative.machine import accounts, packages, processes, secrets
from knative.machine.home import CONTEXTS, LOOPBACK
from knative.machine.postgres import ROLES, PostgreSQL
from tests.waiting import wait_limit

SERVER_CONNECTIONS_PER_POOL = 5
START_TIMEOUT_SECONDS = 20


@contextmanager
def running_pgbouncer(server: PostgreSQL, server_port: int | None = None) -> Iterator[int]:
    """Start PgBouncer for all databases of `server` and yield its port. Clients of many connections share a few of the server.

    `server_port`: of a replica of it."""
    packages.install([packages.PGBOUNCER], print)
    program = packages.PGBOUNCER.find()
    assert program is not None
    account = accounts.server_account("postgres")
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket() as probe:
        folder = Path(name)
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
        probe.close()
        roles = [f"{context}_{role}" for context in CONTEXTS for role in ROLES]
        (folder / "users.txt").write_text("".join(f'"{role}" "{secrets.password(server.home, role)}"\n' for role in roles))
        (folder / "pgbouncer.ini").write_text(
            f"""[databases]
* = host={LOOPBACK} port={server_port or server.home.ports.postgres}
[pgbouncer]
listen_addr = {LOOPBACK}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS_PER_POOL}
max_client_conn = 1000
stats_users = {roles[0]}
"""
        )
        accounts.own(folder, account)
        for file in folder.iterdir():
            if account:
                file.chmod(0o644)
        options = account.popen_options() if account else {}
        process = subprocess.Popen([program, folder / "pgbouncer.ini"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        try:
            end = time.monotonic() + START_TIMEOUT_SECONDS
            while not processes.accepts_connections(port):
                assert process.poll() is None, f"PgBouncer ended with {process.returncode}"
                assert time.monotonic() < end, "PgBouncer does not listen"
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait(wait_limit(10))


def transactions_of(server: PostgreSQL, port: int) -> int:
    """Return the number of transactions that went through PgBouncer."""
    role = f"{CONTEXTS[0]}_{ROLES[0]}"
    url = f"postgresql://{role}:{secrets.password(server.home, role)}@{LOOPBACK}:{port}/pgbouncer"
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as admin:
        cursor = admin.execute("SHOW STATS")
        column = [each.name for each in cursor.description or ()].index("total_xact_count")
        return sum(int(row[column]) for row in cursor.fetchall())
