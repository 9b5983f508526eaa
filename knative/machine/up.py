"""`up`: servers, migrations, the one-machine Knative, what an operator brings, then the overlay over the API. Each step is harmless when repeated."""

import fcntl
import hashlib
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from knative.local.processes.network.routes import parse_allowed_networks
from knative.machine import grouping, keys, kustomize, packages, processes, rabbitmq_users, repositories
from knative.machine.home import AMQP_USERS, CONTEXTS, LOOPBACK, PROJECT, Home, amqp_variable
from knative.machine.migrations import migrate
from knative.machine.postgres import PostgreSQL
from knative.machine.preloaded_modules import PRELOADED_MODULES
from knative.machine.problems import Problem
from knative.machine.progress import Progress, Step
from knative.machine.rabbitmq import RabbitMQ

KNATIVE = "knative"
LEAST_DISK = 512 * 1024 * 1024
TOPOLOGY = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "capsule-topology", "namespace": keys.NAMESPACE}}
FORMER_SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "capsule-amqp", "namespace": keys.NAMESPACE}}
"""0.1.0 kept RabbitMQ's administrator there, for all functions."""


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Two `up`s at once would both start servers; the second waits for the first."""
    home.make()
    with (home.run / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def up(home: Home, progress: Progress, asked: grouping.Grouping | None = None) -> None:
    """`asked`: how functions are grouped from now on; None: as before."""
    started = time.monotonic()
    with alone(home):
        check(home)
        with progress.step("Packages") as step:
            prepare(home, progress, step)
        servers(home, progress)
        with progress.step("Migrations") as step:
            step.detail = migrations(home)
        with progress.step("Knative") as step:
            restarted = start_knative(home)
            step.detail = (
                f"API {LOOPBACK}:{home.ports.api}, ingress {LOOPBACK}:{home.ports.ingress}{', restarted: the code changed' if restarted else ''}"
            )
        apply(home, progress, grouping.chosen(home, asked))
        with progress.step("Gateway") as step:
            await_gateway(home)
            step.detail = gateway_url(home)
    progress.say(f"\n[bold]Capsule is up[/] in {time.monotonic() - started:.1f} s")
    progress.say(f"  {gateway_url(home) + '/docs':<44} the API, to read and to try")
    progress.say(f"  {f'http://{LOOPBACK}:{home.ports.management}':<44} RabbitMQ, user capsule, password in {home.secrets / 'rabbitmq.password'}")
    progress.say(f"  {'./taskw demo':<44} from registration to a bill")
    progress.say(f"  {'./taskw status · logs · down':<44} what runs, what it says, stop")
    progress.say(f"  {sandbox(home)}")
    if sharing := home.shares_amqp_user:
        progress.say(f"  {shared_user(sharing)}")


def shared_user(sharing: Sequence[str]) -> str:
    """What is weaker with a RabbitMQ of somebody else's."""
    names = ", ".join(map(amqp_variable, sharing))
    return f"[bold red]one RabbitMQ user, that of CAPSULE_AMQP_URL, is shared by {', '.join(sharing)}: {names} give each its own[/]"


def sandbox(home: Home) -> str:
    """What is enforced between tenants here, as knative/local found it out; aloud when that is not all."""
    words = (home.path / "knative" / "isolation").read_text().strip()
    return f"[bold red]{words}[/]" if words.startswith("single-tenant mode") else f"[dim]{words}[/]"


def check(home: Home) -> None:
    """What can be said before anything is started."""
    if not os.access(home.path, os.W_OK):
        raise Problem(f"{home.path} can't be written", "is it another user's? CAPSULE_HOME=… names another folder")
    try:
        parse_allowed_networks(home.environment.get("CAPSULE_EGRESS_ALLOW", ""))
    except ValueError as error:
        raise Problem(str(error), "CAPSULE_EGRESS_ALLOW=10.1.2.0/24 ./taskw up") from error
    if named := [amqp_variable(user) for user in AMQP_USERS if home.foreign_user_amqp(user) and not home.foreign_amqp]:
        raise Problem(
            f"{', '.join(named)} without CAPSULE_AMQP_URL: these users would connect to another RabbitMQ than the Broker",
            "set CAPSULE_AMQP_URL to the same server, as a user that may declare what Brokers and Triggers need, or unset the others",
        )
    free = shutil.disk_usage(home.path).free
    if free < LEAST_DISK:
        raise Problem(
            f"only {free // 1024 // 1024} MB are free on the disk of {home.path}", "free at least 512 MB, or CAPSULE_HOME=… on another disk"
        )


def prepare(home: Home, progress: Progress, step: Step) -> None:
    tools = [packages.GIT, *packages.SANDBOX]
    if not home.foreign_amqp:
        tools.append(packages.RABBITMQ)
    if home.own_contexts:
        tools.append(packages.POSTGRES)
    packages.install(tools, progress.say)
    step.detail = ", ".join(tool.name for tool in tools)


def servers(home: Home, progress: Progress) -> None:
    """Both at once: RabbitMQ's Erlang machine is what one waits for."""
    work: list[Callable[[], None]] = []
    if not home.foreign_amqp:
        work.append(lambda: _rabbitmq(home, progress))
    if home.own_contexts:
        work.append(lambda: _postgres(home, progress))
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(each) for each in work]:
            done.result()


def _rabbitmq(home: Home, progress: Progress) -> None:
    with progress.step("RabbitMQ") as step:
        server = RabbitMQ(home)
        server.start()
        rabbitmq_users.apply(server, rabbitmq_users.accounts(home))
        step.detail = f"{LOOPBACK}:{home.ports.amqp}, management {home.ports.management}"


def _postgres(home: Home, progress: Progress) -> None:
    with progress.step("PostgreSQL") as step:
        server = PostgreSQL(home)
        server.start()
        server.create_databases()
        step.detail = f"{LOOPBACK}:{home.ports.postgres}, databases {', '.join(home.own_contexts)}"


def migrations(home: Home) -> str:
    with ThreadPoolExecutor(len(CONTEXTS)) as pool:
        applied = dict(zip(CONTEXTS, pool.map(lambda context: migrate(keys.migration_url(home, context), context), CONTEXTS), strict=True))
    count = sum(map(len, applied.values()))
    return f"{count} applied" if count else "nothing new"


def start_knative(home: Home) -> bool:
    """True when one was there and ran code that has changed since: its functions are forked from what it loaded then."""
    from knative.machine.cluster import reachable

    digest, written = code_digest(), home.run / "knative.code"
    running = processes.running(home, KNATIVE) is not None
    restart = running and written.exists() and written.read_text() != digest
    if restart:
        processes.stop(home, KNATIVE, seconds=30)
    if restart or not running:
        ports = home.ports
        processes.end_pods(home)
        processes.demand_free({"Kubernetes API": ports.api, "ingress": ports.ingress, "gateway": ports.gateway, "Stripe stand-in": ports.stripe})
        home.payments.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (former := home.path / keys.PAYMENTS_FILE).exists():  # of 0.1.0, beside the folder
            former.replace(home.payments / keys.PAYMENTS_FILE)
        home.git.mkdir(mode=0o755, parents=True, exist_ok=True)  # what pods of the platform see is settled when it starts
        folders = {"CAPSULE_SHARED_FOLDERS": f"{home.mail}{os.pathsep}{home.payments}", "CAPSULE_READABLE_FOLDERS": str(home.git)}
        preloaded = {"CAPSULE_PRELOAD_MODULES": ",".join(PRELOADED_MODULES)}
        environment = {**home.child_environment(), "CAPSULE_AMQP_URL": keys.knative_amqp_url(home), **folders, **preloaded}
        processes.start(home, KNATIVE, [sys.executable, "-m", "knative.local", "serve"], environment=environment, folder=PROJECT)
        written.write_text(digest)
    processes.await_ready(home, KNATIVE, lambda: processes.answers(home.ports.api) and reachable(home), 30)
    return restart


def code_digest() -> str:
    """What is loaded once and forked from then on: the project's Python files and the packages beside them, by their names and times."""
    digest = hashlib.sha256(sys.version.encode())
    for folder in (PROJECT / "functions", PROJECT / "events", PROJECT / "knative"):
        for path in sorted(folder.rglob("*.py")):
            facts = path.stat()
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    digest.update((PROJECT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def apply(home: Home, progress: Progress, shape: grouping.Grouping) -> None:
    from knative.machine.cluster import OPERATOR, UP, Cluster

    with progress.step("Secrets") as step:
        for folder in (home.mail, *(home.mail / name for name in ("cur", "new", "tmp"))):  # a Maildir
            folder.mkdir(mode=0o700, exist_ok=True)
        repositories.create(home, "hello", repositories.sample("hello"))
        cluster = Cluster(home)
        step.detail = f"{cluster.apply(keys.operator_objects(home), OPERATOR)} objects that an operator brings"
    with progress.step("Manifests") as step:
        overlay = grouping.OVERLAYS[shape]
        objects = kustomize.render(home, overlay)
        cluster.delete(TOPOLOGY)  # a Job runs once: it must bind what this overlay adds
        step.detail = f"{cluster.apply(objects, UP)} objects of knative/overlays/{overlay} applied"
    with progress.step("Ready") as step:

        def report(ready: int, all_: int) -> None:
            step.detail = f"{ready} of {all_} Brokers, Triggers, Services, sources and jobs"

        cluster.await_ready(objects, 90, report)
    cluster.delete(FORMER_SECRET)
    if others := grouping.others(cluster, shape):
        with progress.step("Grouping") as step:
            step.detail = grouping.leave(cluster, home, others)


def gateway_url(home: Home) -> str:
    return f"http://{LOOPBACK}:{home.ports.gateway}"


def await_gateway(home: Home) -> None:
    opener: Any = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + 30
    said = "no answer"
    while time.monotonic() < until:
        try:
            with opener.open(f"{gateway_url(home)}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            said = f"{error.code}: {error.read().decode(errors='replace')[:300]}"
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            said = str(error)
        time.sleep(0.1)
    raise Problem(f"the gateway is not ready ({said})", "./taskw logs edge-gateway")
