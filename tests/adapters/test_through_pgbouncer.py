"""The storage suite holds behind a transaction pooler: the same tests, run once more with PgBouncer between functions and PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

from tests.pgbouncer import running_pgbouncer, transactions_of
from tests.proof import proof
from tests.servers import POOLER_PORT, Databases

pytestmark = proof("pooler")

PROJECT = Path(__file__).parents[2]
MIN_TRANSACTIONS = 300
SUITE = (
    *("test_database.py", "test_auth_stores.py", "test_auth_stores_concurrency.py", "test_auth_registrations.py"),
    *("test_billing_ports.py", "test_billing_money.py", "test_billing_constraints.py"),
    *("test_deploy_stores.py", "test_deploy_environments.py", "test_deploy_deployments.py", "test_deploy_at_once.py"),
    *("test_monitor_ports.py", "test_monitor_alerts.py", "test_monitor_metrics.py", "test_monitor_retention.py"),
    *("test_auth_audit_log.py", "test_billing_transfers.py", "test_deploy_operations.py", "test_deploy_storage.py"),
    *("test_many_applications.py", "test_monitor_applications.py", "test_monitor_dead_letters.py"),
)


def test_the_storage_suite_passes_through_pgbouncer(postgres: Databases) -> None:
    with running_pgbouncer(postgres.server) as port:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/adapters/{name}" for name in SUITE), "-k", "not memory"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {POOLER_PORT: str(port)}
        run = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300)
        transactions = transactions_of(postgres.server, port)
    assert run.returncode == 0, run.stdout[-6000:]
    assert transactions > MIN_TRANSACTIONS, "the suite did not go through PgBouncer"
    skipped = [line for line in run.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("timescaledb" in line for line in skipped), skipped
