"""Proofs: long tests of a property of the whole system under attack or load. `./taskw proof` lists them, `./taskw proof NAME` runs one.

A marker assigns a test to a proof (`pytestmark = proof("tenant-isolation")`); all other runs leave it out.
"""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Proof:
    """`description`: what it shows, at most 54 characters. `paths`: its folders and files, whose unmarked tests run too."""

    description: str
    paths: tuple[str, ...]


PROOFS = {
    "access": Proof("Each route answers those who may use it, nobody else", ("tests/journeys/test_access.py",)),
    "adding-a-function": Proof("docs/adding-a-function.md works, applied to a copy", ("tests/documents/test_adding_a_function.py",)),
    "backup": Proof("A lost Capsule is restored and everything answers", ("tests/journeys/test_backup.py",)),
    "commands": Proof("Each kind of command against a whole Capsule", ("tests/cli/test_commands_journey.py", "tests/cli/test_journey.py")),
    "data-services": Proof(
        "An application keeps its database through it all",
        (
            *("tests/journeys/test_data_services.py", "tests/journeys/test_redis_services.py", "tests/journeys/test_service_tunnels.py"),
            *("tests/knative/postgres_services", "tests/knative/redis_services"),
        ),
    ),
    "dashboard": Proof(
        "The main job and every page, in Chromium",
        ("tests/journeys/test_dashboard.py", "tests/dashboard/test_pages_in_chromium.py", "tests/gateway/test_reference_in_chromium.py"),
    ),
    "domains": Proof(
        "Certificates come, renew under load, fail with reasons", ("tests/journeys/test_domains.py", "tests/knative/serving/test_wildcard.py")
    ),
    "enumeration": Proof("No answer or time tells whether an account exists", ("tests/gateway/test_enumeration.py",)),
    "http2": Proof("HTTP/2 bears load, floods and slow clients", ("tests/knative/serving/test_http2_load.py",)),
    "log-search": Proof("Searches of 10⁶ odd log lines are exact and indexed", ("tests/adapters/test_log_search.py",)),
    "one-machine-knative": Proof(
        "Pods scale, share queues and end as on a cluster",
        (*("tests/knative/pods", "tests/knative/serving/test_scaling.py"), "tests/knative/serving/test_services.py"),
    ),
    "pooler": Proof("The storage works through PgBouncer", ("tests/adapters/test_through_pgbouncer.py",)),
    "recovery": Proof(
        "Nothing is lost when processes and servers die",
        (
            *(
                "tests/journeys/test_accidents.py",
                "tests/journeys/test_interrupted_up.py",
                "tests/journeys/test_grouped.py",
                "tests/machine/test_rabbitmq.py",
                "tests/gateway/test_live.py",
                "tests/gateway/test_without_others.py",
                "tests/deploy/test_through_runtime.py",
            ),
            *(f"tests/runtime/test_{name}.py" for name in ("accidents", "outages", "bad_messages", "bad_postgresql", "bad_rabbitmq")),
            *("tests/knative/eventing/test_connection.py", "tests/knative/serving/test_scaling.py", "tests/knative/jobs/test_jobs.py"),
        ),
    ),
    "group-commit": Proof("Batches equal serial execution, whatever breaks", ("tests/runtime/test_group_commit.py",)),
    "grouped": Proof("The main job works with a Service for each context", ("tests/journeys/test_grouped.py",)),
    "asyncapi": Proof("The official AsyncAPI parser accepts the document", ("tests/generated/test_asyncapi_parser.py",)),
    "failures": Proof("Failures end in their reason, none in a false success", ("tests/failures", "tests/journeys/test_refusals.py")),
    "full-disk": Proof("A full disk loses nothing, and space brings all back", ("tests/journeys/test_full_disk.py",)),
    "no-visitor-sees-a-deploy": Proof("Deployments under load fail no request, cut no stream", ("tests/visitors",)),
    "dockerfiles": Proof("Dockerfiles and images of registries run", ("tests/knative/containers",)),
    "processes": Proof(
        "Workers and schedules run, scale, restart and tell",
        ("tests/journeys/test_processes.py", "tests/journeys/test_autoscaling.py", "tests/journeys/test_queue_scaling.py"),
    ),
    "production": Proof("Django in production dies, is lost and is restored", ("tests/journeys/test_production.py",)),
    "releases": Proof("Releases are promoted, watched and rolled back", ("tests/deploy/test_releases_through_runtime.py",)),
    "replicas": Proof("No caller reads a replica that lacks what it wrote", ("tests/adapters/test_replicas.py",)),
    "repositories": Proof(
        "A repository of each kind and language builds and runs",
        (
            *(f"tests/builder/test_{name}.py" for name in ("languages", "kinds", "builds")),
            *("tests/adapters/test_deploy_builds.py", "tests/adapters/test_deploy_inspection_jobs.py"),
        ),
    ),
    "rotation": Proof(
        "Passwords and keys rotate under load, nothing fails",
        ("tests/journeys/test_rotation.py", "tests/machine/test_rotation.py", "tests/machine/test_tls.py", "tests/knative/serving/test_https.py"),
    ),
    "secrets": Proof("No secret is in logs, queues, tables or processes", ("tests/journeys/test_secrets.py",)),
    "sessions": Proof(
        "Every function refuses what ended; the time it takes",
        ("tests/journeys/test_ended_sessions.py", "tests/journeys/test_revocations.py", "tests/gateway/test_ended_sessions.py"),
    ),
    "sign-in": Proof(
        "Passkeys in Chromium and a provider by others sign in",
        ("tests/dashboard/test_passkeys_in_chromium.py", "tests/auth/test_certified_provider.py"),
    ),
    "sources": Proof(
        "Repositories of every shape git allows are cloned",
        (
            *("tests/builder/test_sources.py", "tests/builder/test_private_repositories.py"),
            "tests/deploy/test_private_repositories_through_runtime.py",
        ),
    ),
    "suspension": Proof("Restricted accounts are refused, paused and resumed", ("tests/journeys/test_suspension.py",)),
    "circuits": Proof("A context that hangs does not take the gateway with it", ("tests/gateway/test_circuits.py",)),
    "three-gateways": Proof("Three gateways behind one balancer act as one", ("tests/gateway/test_three_gateways.py",)),
    "tenant-isolation": Proof(
        "Applications and builds cannot reach others",
        ("tests/hostile", "tests/journeys/test_hostile.py", "tests/knative/sandbox", "tests/knative/test_orphans.py", "tests/knative/test_trash.py"),
    ),
    "volumes": Proof("Uploads survive kill -9, hand-over and full volumes", ("tests/knative/volumes", "tests/journeys/test_volumes.py")),
    "upgrade": Proof("An upgrade under load fails no request", ("tests/journeys/test_upgrade.py", "tests/knative/serving/test_restart.py")),
}
"""By name. Add a line here for a new proof, and mark its tests."""
MARK = "proof"


def proof(name: str) -> pytest.MarkDecorator:
    """The marker of a proof's tests. Raises: ValueError for a name that is not in PROOFS."""
    if name not in PROOFS:
        raise ValueError(f"Unknown proof {name!r}. Proofs: {', '.join(PROOFS)}")
    return pytest.mark.proof(name)


def add_options(parser: pytest.Parser) -> None:
    parser.addoption("--proof", choices=sorted(PROOFS), help="run the tests of this proof, and the unmarked tests in the chosen files")


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of all proofs except that of --proof."""
    selected = config.getoption("--proof")
    kept, deselected = [], []
    for item in items:
        (kept if _belongs(item, selected) else deselected).append(item)
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = kept


def _belongs(item: pytest.Item, selected: str | None) -> bool:
    mark = item.get_closest_marker(MARK)
    return mark is None or mark.args[0] == selected
