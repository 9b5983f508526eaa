"""The audit after a run: what was promised is there exactly once, the contexts agree with each other, and nothing is under way."""

from collections.abc import Sequence
from typing import Any

from functions.monitor.domain.applications import PLATFORM_ID
from knative.machine.home import CONTEXTS, Home
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from tests.journeys.whole import until
from tests.soak.client import Client

SETTLE_SECONDS = 300
Rows = list[tuple[Any, ...]]


class Difference(AssertionError):
    """A sum that is not what it must be."""


class Databases:
    """The databases of an installation, read as their superuser."""

    def __init__(self, home: Home) -> None:
        self._server = PostgreSQL(home)

    def rows(self, context: str, statement: str, *values: Any) -> Rows:
        with self._server.superuser(context) as connection:
            return connection.execute(statement, values).fetchall()

    def number(self, context: str, statement: str, *values: Any) -> int:
        return int(self.rows(context, statement, *values)[0][0] or 0)


def settle(home: Home, databases: Databases) -> None:
    """Wait until no message is under way: queues and outboxes are empty, no saga and no deployment runs. Raises: AssertionError."""
    quiet_rounds = 0

    def is_quiet() -> bool:
        nonlocal quiet_rounds
        quiet_rounds = quiet_rounds + 1 if not under_way(home, databases) else 0
        return quiet_rounds >= 3

    try:
        until(is_quiet, SETTLE_SECONDS, "for the end of all work", every=1.0)
    except AssertionError as error:
        raise Difference(f"{error}; under way: {under_way(home, databases)}") from error


def under_way(home: Home, databases: Databases) -> dict[str, int]:
    queues = RabbitMQ(home).management("GET", "/api/queues?columns=name,messages") or []
    found = {f"queue {each['name']}": int(each.get("messages") or 0) for each in queues}
    for context in CONTEXTS:
        found[f"outbox of {context}"] = databases.number(context, "SELECT count(*) FROM outbox")
        found[f"parked in {context}"] = databases.number(context, "SELECT count(*) FROM parked")
    found["registrations"] = databases.number("auth", "SELECT count(*) FROM registrations WHERE finished_at IS NULL")
    found["deployments"] = databases.number("deploy", "SELECT count(*) FROM deployments WHERE finished_at IS NULL")
    found["payments"] = databases.number("billing", "SELECT count(*) FROM payments WHERE settled_at IS NULL")
    found["usage without owner"] = databases.number("monitor", "SELECT count(*) FROM unowned_usage")
    return {name: count for name, count in found.items() if count}


def audit(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """Compare the promises to all clients with the databases, and the databases with each other. Returns the sums. Raises: Difference."""
    sums: dict[str, Any] = {}
    for check in (_no_dead_letters, _accounts, _applications, _configuration, _deployments, _money, _usage, _events):
        sums |= check(databases, clients)
    return sums


def _equal(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise Difference(f"{what}: {_difference(found, expected)}")


def _difference(found: Any, expected: Any) -> str:
    if isinstance(found, set) and isinstance(expected, set):
        lost, surplus = sorted(map(str, expected - found)), sorted(map(str, found - expected))
        return f"{len(lost)} lost {lost[:3]}, {len(surplus)} too many {surplus[:3]}"
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = [key for key in {*found, *expected} if found.get(key) != expected.get(key)]
        return f"{len(keys)} differ: {[(str(key), found.get(key), expected.get(key)) for key in keys[:3]]} (found, expected)"
    return f"{found} in place of {expected}"


def _no_dead_letters(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    for context in CONTEXTS:
        letters = databases.rows(context, "SELECT function, type, error, detail FROM dead_letters LIMIT 3")
        _equal(f"dead letters of {context}", letters, [])
    return {"dead letters": 0}


def _accounts(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """Each registered address has one user, one customer, one quota, one subscription, and a completed registration."""
    promised = {email for client in clients for email in (client.person.email, *client.promises.registered)}
    users = databases.rows("auth", "SELECT id, email FROM users")
    _equal("users", sorted(email for _, email in users), sorted(promised))
    ids = {id for id, _ in users}
    _equal("registrations", {status for (status,) in databases.rows("auth", "SELECT DISTINCT status FROM registrations")}, {"completed"})
    for context, table in (("billing", "customers"), ("deploy", "quotas")):
        _equal(f"{table} of users", sorted(id for (id,) in databases.rows(context, f"SELECT user_id FROM {table}")), sorted(ids))
    running = databases.rows("billing", "SELECT c.user_id FROM subscriptions s JOIN customers c ON c.id = s.customer_id WHERE s.status <> 'ended'")
    _equal("running subscriptions", sorted(id for (id,) in running), sorted(ids))
    mails = databases.number("auth", "SELECT count(*) FROM sent_emails WHERE kind = 'verification'")
    _equal("verification e-mails", mails, len(ids))
    return {"users": len(ids)}


def _applications(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """Deploy has what was promised; billing and monitor have the same applications; the quotas count them."""
    living = {each.id: each.name for client in clients for each in client.promises.applications.values()}
    deleted = {id for client in clients for id in client.promises.deleted}
    found = databases.rows("deploy", "SELECT id::text, name, deleted_at IS NOT NULL OR status <> 'active' FROM applications")
    _equal("applications", {id: name for id, name, is_deleted in found if not is_deleted}, living)
    _equal("deleted applications", {id for id, _, is_deleted in found if is_deleted}, deleted)
    billed = databases.rows("billing", "SELECT id::text, name, is_deleted FROM applications")
    _equal("applications that billing knows", {id: name for id, name, is_deleted in billed if not is_deleted}, living)
    monitored = databases.rows("monitor", "SELECT id::text, name, deleted_at IS NOT NULL FROM applications WHERE id <> %s", PLATFORM_ID)
    _equal("applications that monitor knows", {id: name for id, name, is_deleted in monitored if not is_deleted}, living)
    used = {str(user): count for user, count in databases.rows("deploy", "SELECT user_id, applications_used FROM quotas WHERE applications_used > 0")}
    counted = databases.rows("deploy", "SELECT user_id::text, count(*) FROM applications WHERE status = 'active' GROUP BY 1")
    _equal("applications that quotas count", used, dict(counted))
    return {"applications": len(living), "deleted": len(deleted)}


def _configuration(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """Each acknowledged change raised the version by one, and the last value of each variable is there."""
    promised = {each.id: each for client in clients for each in client.promises.applications.values()}
    versions: dict[str, int] = dict(databases.rows("deploy", "SELECT id::text, config_version FROM applications WHERE status = 'active'"))
    _equal("changes of configuration", versions, {id: each.changes for id, each in promised.items()})
    values: dict[str, dict[str, str]] = {id: {} for id in promised}
    for id, name, value in databases.rows("deploy", "SELECT application_id::text, name, value FROM config_entries WHERE ended_version IS NULL"):
        if id in values:
            values[id][name] = value
    _equal("variables", values, {id: each.config for id, each in promised.items()})
    return {"configuration changes": sum(each.changes for each in promised.values())}


def _deployments(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """Each accepted deployment is there once and has ended; numbers of releases have no gap."""
    promised = {deployment["id"] for client in clients for deployment in client.promises.deployments}
    found = databases.rows("deploy", "SELECT id::text, status FROM deployments")
    _equal("deployments", {id for id, _ in found}, promised)
    gaps = databases.rows("deploy", "SELECT application_id, count(*), max(number) FROM releases GROUP BY 1 HAVING count(*) <> max(number)")
    _equal("applications with gaps between releases", gaps, [])
    return {"deployments": len(found), "of these succeeded": sum(status == "succeeded" for _, status in found)}


def _money(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """Each plan that was bought has one paid invoice and one payment of its total; all transactions of the ledger are balanced."""
    bought = sorted((client.person.email, plan) for client in clients for plan in client.promises.plans)
    invoices = databases.rows(
        "billing",
        """SELECT c.email, i.plan_code, i.status, i.total_minor,
            (SELECT coalesce(sum(amount_minor), 0) FROM invoice_lines l WHERE l.invoice_id = i.id),
            (SELECT coalesce(sum(amount_minor), 0) FROM payments p WHERE p.invoice_id = i.id AND p.status = 'succeeded')
        FROM invoices i JOIN customers c ON c.id = i.customer_id""",
    )
    _equal("invoices", sorted((email, plan) for email, plan, *_ in invoices), bought)
    _equal("invoices that are not paid, or not by their total", [each for each in invoices if each[2] != "paid" or len({*each[3:]}) != 1], [])
    unbalanced = "SELECT transaction_id, currency, sum(amount_minor) FROM ledger_entries GROUP BY 1, 2 HAVING sum(amount_minor) <> 0"
    _equal("unbalanced transactions", databases.rows("billing", unbalanced), [])
    total = sum(each[3] for each in invoices)
    for account, expected in (("revenue", -total), ("provider", total), ("receivable", 0)):
        _equal(
            f"account {account}", databases.number("billing", "SELECT sum(amount_minor) FROM ledger_entries WHERE account = %s", account), expected
        )
    numbers = [number for (number,) in databases.rows("billing", "SELECT number FROM invoices ORDER BY number")]
    _equal("invoice numbers", [int(number.rpartition("-")[2]) for number in numbers], list(range(1, len(numbers) + 1)))
    return {"invoices": len(invoices), "paid in cents": total}


def _usage(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """What was measured is what is billed, on each bill; never more than visitors had answered.

    Measurements of the last second before a kill of the controller are lost: they are in its memory.
    """
    measured = databases.number("monitor", "SELECT sum(requests) FROM request_windows")
    records = databases.number("billing", "SELECT sum(requests) FROM usage_records")
    hours = databases.number("billing", "SELECT sum(requests) FROM usage_hours")
    _equal("measured, recorded and rated requests", (measured, records, hours), (measured,) * 3)
    cpu = databases.number("billing", "SELECT sum(cpu_milliseconds) FROM usage_records")
    _equal("rated CPU time", databases.number("billing", "SELECT sum(cpu_milliseconds) FROM usage_hours"), cpu)
    lines = sum(int(line["requests"]) for client in clients for line in client.person.get("/v1/billing/current")["lines"])
    _equal("requests on bills", lines, measured)
    answered = sum(client.promises.visits for client in clients)
    others = sum(client.promises.interrupted_visits + client.promises.probes for client in clients)
    if measured > answered + others:
        raise Difference(f"{measured} requests are billed; {answered} were answered, {others} were interrupted or probes")
    return {"visits answered": answered, "visits billed": measured}


def _events(databases: Databases, clients: Sequence[Client]) -> dict[str, Any]:
    """Each event of an application that another context must handle was handled once by each function that subscribes to it."""
    handled = 0
    for context in CONTEXTS:
        repeated = "SELECT source, id, function FROM inbox GROUP BY 1, 2, 3 HAVING count(*) > 1"
        _equal(f"messages that {context} handled twice", databases.rows(context, repeated), [])
        handled += databases.number(context, "SELECT count(*) FROM inbox")
    created = sum(len(client.promises.applications) + len(client.promises.deleted) for client in clients)
    function = "monitor.on_application_created"
    done = databases.number("monitor", "SELECT count(*) FROM inbox WHERE function = %s", function)
    _equal(f"events handled by {function}", done, created)
    return {"messages handled": handled}


def show(sums: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sums.items())
