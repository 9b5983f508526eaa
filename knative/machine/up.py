"""`up`: start the servers, migrate the databases, start the one-machine Knative, create the Secrets and apply the overlay. Idempotent.

RabbitMQ's start takes longer than everything else together. What does not need it runs meanwhile, up to the Secrets and the comparison of the
overlay's objects with what is there.
"""

import os
import shutil
import time
import urllib.error
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from rich.markup import escape

from functions.runtime.config.variables import OTLP_ENDPOINT
from functions.wire.settings import check as check_settings
from knative.local.ordered_certificates import ordered_certificates
from knative.local.own_hosts import OwnHosts
from knative.machine import (
    bytecode,
    dns_hook,
    downgrades,
    grouping,
    https,
    keys,
    knative_credentials,
    kustomize,
    packages,
    rabbitmq_users,
    repositories,
    services_redis,
    stops,
    tls,
    topology_record,
)
from knative.machine.early_rabbitmq import may_start_beside
from knative.machine.home import AMQP_USERS, CONTEXTS, LOOPBACK, Home, amqp_variable
from knative.machine.knative_process import open_front, start_knative
from knative.machine.migrations import migrate
from knative.machine.next_steps import next_steps
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from knative.machine.progress import Progress, Step
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.redis_server import Redis
from knative.machine.row_privileges import role_of
from knative.machine.services_postgres import ServicesPostgres
from knative.machine.state_lock import lock

if TYPE_CHECKING:
    from knative.machine.cluster import Cluster
    from knative.machine.unchanged import Comparison

SAMPLE = "hello"
MIN_FREE_BYTES = 512 * 1024 * 1024
READY_TIMEOUT_SECONDS = 90
GATEWAY_TIMEOUT_SECONDS = 30
MAX_SERVERS = 4
TOPOLOGY_NAME = "capsule-topology"
TOPOLOGY = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": TOPOLOGY_NAME, "namespace": keys.NAMESPACE}}


def up(
    home: Home,
    progress: Progress,
    requested_grouping: grouping.Grouping | None = None,
    is_needed: Callable[[], bool] | None = None,
    *,
    is_launched: bool = False,
) -> None:
    """Start everything and print the next steps.

    `requested_grouping`: how functions are grouped into Services from now on; None keeps the current grouping. `is_needed`: asked while the lock is
    held; False: another `up` has started everything meanwhile, and nothing is done. `is_launched`: `launch_early` has launched RabbitMQ.

    Raises: Problem, with a remedy, at the first step that fails. A later `up` continues from there.
    """
    started_at = time.monotonic()
    with lock(home):
        if is_needed is not None and not is_needed():
            return
        try:
            check(home, progress)
        except BaseException:
            if is_launched:
                stops.RABBITMQ.run(home)
            raise
        with progress.step("Packages") as step:
            install_packages(home, progress, step)
            is_beside = launch_rabbitmq(home)
            bytecode.compile_modules()
        shape = grouping.choose(home, requested_grouping)
        comparison = start(home, progress, is_beside, grouping.OVERLAYS[shape])
        apply(home, progress, comparison, shape)
        with progress.step("Gateway") as step:
            wait_for_gateway(home)
            step.detail = home.gateway_url
    progress.print(f"\n[bold]Capsule is up[/] in {time.monotonic() - started_at:.1f} s\n")
    for line in next_steps(home, repositories.at(home, SAMPLE).url):
        progress.print(line)


def check(home: Home, progress: Progress) -> None:
    """Check what can be checked before anything is started or stopped. Raises: Problem, InvalidSetting."""
    if not os.access(home.path, os.W_OK):
        raise Problem(f"{home.path} is not writable.", "Does it belong to another user? Use another folder: CAPSULE_HOME=…")
    if home.restoring.exists():
        raise Problem(f"A restore into {home.path} was interrupted.", "Run it again: ./taskw restore --force …; or delete the folder: ./taskw reset")
    check_settings(keys.all_settings(), home.environment)
    OwnHosts.read(home.environment)
    downgrades.check(home)
    tls.check_authorities(home)
    dns_hook.check(home)
    ordered_certificates(home.path, home.environment)
    for message, remedy in https.check(home):
        progress.print(f"[bold red]! {escape(message)}[/] {escape(remedy)}")
    if variables := [amqp_variable(user) for user in AMQP_USERS if home.external_user_amqp_url(user) and not home.external_amqp_url]:
        raise Problem(
            f"{', '.join(variables)} without CAPSULE_AMQP_URL: these users would connect to another RabbitMQ than the Broker.",
            "Set CAPSULE_AMQP_URL to the same server, as a user that may declare exchanges and queues of Brokers and Triggers, or unset the others.",
        )
    free = shutil.disk_usage(home.path).free
    if free < MIN_FREE_BYTES:
        message = f"Only {free // 1024 // 1024} MiB are free on the disk of {home.path}."
        raise Problem(message, "Free at least 512 MiB, or use another disk: CAPSULE_HOME=…")


def install_packages(home: Home, progress: Progress, step: Step) -> None:
    """Install the missing programs that this installation needs."""
    tools = [packages.GIT, packages.SSH, *packages.SANDBOX]
    if not home.external_amqp_url:
        tools.append(packages.RABBITMQ)
    if home.local_contexts or home.has_services_postgres:
        tools.append(packages.POSTGRES)
    if home.has_local_redis or home.has_services_redis:
        tools.append(packages.REDIS)
    packages.install(tools, progress.print)
    if home.environment.get(OTLP_ENDPOINT.name):
        packages.install_telemetry(progress.print)
    step.detail = f"{len(tools)} programs installed"


def launch_rabbitmq(home: Home) -> bool:
    """Launch RabbitMQ, if it does not run, where the one-machine Knative may start beside it. Returns whether it does. Raises: Problem."""
    rabbitmq = RabbitMQ(home)
    is_beside = may_start_beside(home)
    if is_beside and not rabbitmq.is_running():
        rabbitmq.launch()
    return is_beside


def start(home: Home, progress: Progress, is_beside: bool, overlay: str) -> "Comparison":
    """Start the servers and the one-machine Knative, with the Secrets that its pods start with, and compare what it has with the overlay.

    `is_beside`: RabbitMQ starts already (`launch_rabbitmq`). Raises: Problem.
    """
    with ThreadPoolExecutor(MAX_SERVERS) as pool:
        servers = _submit_servers(pool, home, progress)
        for name, server in servers.items():
            if name != RabbitMQ.name or not is_beside:
                server.result()
        renew_certificate(home)
        with progress.step("Migrations") as step:
            step.detail = migrate_databases(home)
        with progress.step("Knative") as step:
            reason = start_knative(home)
            step.detail = f"API {home.ports.api}, ingress {home.ports.ingress}{f' (restarted: {reason})' if reason else ''}"
        with progress.step("Secrets") as step:
            step.detail = apply_secrets(home)
        with progress.step("Comparison") as step:
            comparison = compare_manifests(home, overlay)
            step.detail = f"{len(comparison.changed)} of {len(comparison.documents)} objects of knative/overlays/{overlay} have changed"
        for server in servers.values():
            server.result()
    return comparison


def start_servers(home: Home, progress: Progress) -> None:
    """Start RabbitMQ, PostgreSQL, that of data services and, if configured, Redis, at the same time. Raises: Problem."""
    with ThreadPoolExecutor(MAX_SERVERS) as pool:
        for server in _submit_servers(pool, home, progress).values():
            server.result()


def _submit_servers(pool: ThreadPoolExecutor, home: Home, progress: Progress) -> dict[str, Future[None]]:
    """Begin the starts of the servers, by name."""
    starts: dict[str, Callable[[Home, Progress], None]] = {}
    if not home.external_amqp_url:
        starts[RabbitMQ.name] = _start_rabbitmq
    if home.local_contexts:
        starts[PostgreSQL.name] = _start_postgres
    if home.has_services_postgres:
        starts[ServicesPostgres.name] = _start_services_postgres
    if home.has_services_redis:
        services_redis.prepare(home)
    if home.has_local_redis:
        starts[Redis.name] = _start_redis
    return {name: pool.submit(start, home, progress) for name, start in starts.items()}


def _start_rabbitmq(home: Home, progress: Progress) -> None:
    with progress.step("RabbitMQ") as step:
        server = RabbitMQ(home)
        server.start()
        rabbitmq_users.apply(server, rabbitmq_users.accounts(home), former=rabbitmq_users.former_logins(home))
        step.detail = f"{LOOPBACK}:{home.ports.amqp}, management {home.ports.management}"


def _start_postgres(home: Home, progress: Progress) -> None:
    with progress.step("PostgreSQL") as step:
        server = PostgreSQL(home)
        server.start()
        server.create_databases()
        step.detail = f"{LOOPBACK}:{home.ports.postgres}, {len(home.local_contexts)} databases"


def _start_services_postgres(home: Home, progress: Progress) -> None:
    with progress.step("Services") as step:
        server = ServicesPostgres(home)
        server.start()
        server.create_provisioner()
        step.detail = f"PostgreSQL {LOOPBACK}:{home.ports.services_postgres}"


def _start_redis(home: Home, progress: Progress) -> None:
    with progress.step("Redis") as step:
        Redis(home).start()
        step.detail = f"{LOOPBACK}:{home.ports.redis}"


def renew_certificate(home: Home) -> None:
    """Give servers that speak TLS a new certificate, if theirs expires soon."""
    servers = [server for server in (PostgreSQL(home), RabbitMQ(home)) if server.is_running() and server.has_tls]
    if servers and tls.is_due(home):
        tls.renew(home)
        for server in servers:
            server.renew_certificate()


def migrate_databases(home: Home) -> str:
    """Apply the migrations of all contexts, in parallel. Returns a summary."""
    with ThreadPoolExecutor(len(CONTEXTS)) as pool:
        applied = list(pool.map(lambda context: _migrate_database(home, context), CONTEXTS))
    count = sum(map(len, applied))
    return f"{count} applied" if count else "up to date"


def _migrate_database(home: Home, context: str) -> list[str]:
    """Roles of the local server get their privileges when they are created, all others here."""
    functions, reader = role_of(home.external_database_url(context)), role_of(home.external_reader_url(context))
    return migrate(keys.migration_url(home, context), context, functions=functions, reader=reader)


def apply_secrets(home: Home) -> str:
    """Apply the Secrets and ConfigMaps through the Kubernetes API. Returns a summary."""
    from knative.machine.cluster import OPERATOR, Cluster
    from knative.machine.unchanged import apply_changed

    if home.has_https:
        tls.ensure_https(home)
        https.record(home)
    tls.write_bundle(home)  # the operator's authorities may have changed since Knative started
    repositories.create(home, SAMPLE, repositories.sample(SAMPLE))
    knative_credentials.write_credentials(home)
    secrets = keys.operator_objects(home)
    changed = apply_changed(Cluster(home), secrets, OPERATOR, home.run / "applied-secrets.json")
    return f"{len(secrets)} Secrets and ConfigMaps, {changed} changed"


def compare_manifests(home: Home, overlay: str) -> "Comparison":
    """Render the overlay, and compare its objects with those that exist. Raises: Problem."""
    from knative.machine.cluster import Cluster
    from knative.machine.unchanged import compare

    return compare(Cluster(home), kustomize.render(home, overlay), home.run / "applied-manifests.json")


def apply(home: Home, progress: Progress, comparison: "Comparison", shape: grouping.Grouping) -> None:
    """Let requests in, apply what has changed through the Kubernetes API, wait until everything is ready, and remove the former grouping."""
    from knative.machine import rotation
    from knative.machine.cluster import UP, Cluster

    cluster = Cluster(home)
    with progress.step("Ingress") as step:
        open_front(home, cluster)
        rotation.close_interrupted(home)
        step.detail = f"{LOOPBACK}:{home.ports.ingress}"
    with progress.step("Manifests") as step:
        is_bound = prepare_topology(home, cluster, comparison)
        changed = comparison.apply(cluster, UP)
        step.detail = f"{len(comparison.documents)} objects of knative/overlays/{grouping.OVERLAYS[shape]}, {changed} changed"
    with progress.step("Ready") as step:

        def report(ready: int, total: int) -> None:
            step.detail = f"{ready} of {total} resources"

        cluster.wait_until_ready(comparison.documents, READY_TIMEOUT_SECONDS, report)
        if not is_bound:
            topology_record.record(home, comparison.live)
    if former := grouping.find_other_objects(cluster, shape):
        with progress.step("Grouping") as step:
            step.detail = grouping.remove(cluster, home, former)


def prepare_topology(home: Home, cluster: "Cluster", comparison: "Comparison") -> bool:
    """Let the topology Job run again, unless RabbitMQ has what it would declare. Returns whether that is so.

    A Job runs once: a new one binds what this overlay adds, or what RabbitMQ has lost.
    """
    job = next(each for each in comparison.documents if each["kind"] == TOPOLOGY["kind"] and each["metadata"]["name"] == TOPOLOGY_NAME)
    if not comparison.changed and topology_record.is_current(home, comparison.live, cluster.get(job)):
        return True
    cluster.delete(TOPOLOGY)
    comparison.add(job)
    return False


def wait_for_gateway(home: Home) -> None:
    """Wait until the gateway is ready. Raises: Problem with its last answer."""
    opener = https.opener(home)
    deadline = time.monotonic() + GATEWAY_TIMEOUT_SECONDS
    answer = "no answer"
    while time.monotonic() < deadline:
        try:
            with opener.open(f"{home.gateway_url}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code}: {error.read().decode(errors='replace')[:300]}"
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            answer = str(error)
        time.sleep(0.1)
    raise Problem(f"The gateway is not ready after {GATEWAY_TIMEOUT_SECONDS} s ({answer}).", "./taskw logs edge-gateway")
