"""`status`: what runs, in one table: servers, API, functions with their replicas, triggers, health."""

import json
import os
import urllib.error
import urllib.request
from itertools import islice
from typing import Any
from uuid import UUID

import pika
import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from knative.local.sandbox.disks import used_bytes
from knative.local.serving.disk_pressure import reserve_from
from knative.machine import processes
from knative.machine.cluster import Cluster, not_ready, reachable
from knative.machine.home import LOOPBACK, Home
from knative.machine.keys import NAMESPACE
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.up import KNATIVE, gateway_url

SERVICES = ("serving.knative.dev/v1", "Service")
IMAGES_STATUS, PRESSURE_STATUS = "images.json", "disk-pressure.json"
"""Written by knative/local: images/keeper.py, serving/eviction.py."""
MAX_DISKS = 10_000
TRIGGERS = ("eventing.knative.dev/v1", "Trigger")
GOOD, BAD, IDLE = "[green]●[/]", "[red]●[/]", "[dim]○[/]"


def status(home: Home, console: Console) -> bool:
    """Prints the table; True when all that should run does."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "what", "state", "where", "memory"):
        table.add_column(column, justify="right" if column == "memory" else "left", no_wrap=column in ("what", "where"), overflow="ignore")
    well = [_server(table, home, name, port) for name, port in (("postgres", home.ports.postgres), ("rabbitmq", home.ports.amqp))]
    well.append(_server(table, home, KNATIVE, home.ports.api))
    if well[-1] and reachable(home):
        cluster = Cluster(home)
        well.append(_functions(table, cluster))
        well.append(_applications(table, cluster))
        well.append(_triggers(table, cluster))
        well.append(_images(table, home))
        _disks(table, home)
    well.append(_free_space(table, home))
    if not home.foreign_amqp and processes.running(home, "rabbitmq"):
        well.append(_unroutable(table, home))
    if home.own_contexts and processes.running(home, "postgres"):
        well.append(_dead_letters(table, home))
        well.append(_alerts(table, home))
    well.append(_health(table, home))
    console.print(table)
    return all(well)


def _server(table: Table, home: Home, name: str, port: int) -> bool:
    foreign = (name == "rabbitmq" and home.foreign_amqp) or (name == "postgres" and not home.own_contexts)
    if foreign:
        table.add_row(IDLE, name, "not ours", "named in the environment", "")
        return True
    process = processes.running(home, name)
    if process is None:
        table.add_row(BAD, name, "not running", f"{LOOPBACK}:{port}", "")
        return False
    answers = processes.answers(port)
    table.add_row(GOOD if answers else BAD, name, "running" if answers else "does not answer", f"{LOOPBACK}:{port}", _memory(process))
    return answers


def _memory(process: psutil.Process) -> str:
    """Of a process and its children, shared pages once where the system tells (PSS)."""
    total = 0
    try:
        for each in [process, *process.children(recursive=True)]:
            facts = each.memory_full_info()
            total += getattr(facts, "pss", facts.rss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
    return f"{total / 1024 / 1024:.0f} MB"


def _unroutable(table: Table, home: Home) -> bool:
    """Messages that belong to no function: they rest in a queue of RabbitMQ until an operator has looked at them."""
    try:
        with pika.BlockingConnection(pika.URLParameters(RabbitMQ(home).url)) as connection:
            waiting: int = connection.channel().queue_declare(UNROUTABLE, passive=True).method.message_count
    except (pika.exceptions.AMQPError, OSError) as error:
        table.add_row(IDLE, "unroutable", "not known yet" if isinstance(error, pika.exceptions.ChannelClosedByBroker) else "RabbitMQ is away", "", "")
        return True  # how RabbitMQ is stands in a row of its own
    state = f"{waiting} message{'' if waiting == 1 else 's'}" if waiting else "none"
    table.add_row(BAD if waiting else GOOD, "unroutable", state, f"queue {UNROUTABLE}" if waiting else "", "")
    return not waiting


def _dead_letters(table: Table, home: Home) -> bool:
    """What no retry could mend, in the databases that are ours."""
    well = True
    for context in home.own_contexts:
        try:
            with PostgreSQL(home).superuser(context) as connection:
                row = connection.execute("SELECT count(*), min(died_at)::timestamp(0)::text FROM dead_letters WHERE state = 'open'").fetchone()
        except psycopg.Error:
            table.add_row(IDLE, "dead letters", "not known yet", "", "")
            return True  # how PostgreSQL is stands in a row of its own
        if row and row[0]:
            well = False
            table.add_row(BAD, "dead letters", f"{row[0]} of {context}", f"since {row[1]}: GET /v1/operations/{context}/dead-letters", "")
    if well:
        table.add_row(GOOD, "dead letters", "none", "", "")
    return well


def _alerts(table: Table, home: Home) -> bool:
    """What monitor says is wrong with the platform itself."""
    if "monitor" not in home.own_contexts:
        return True
    try:
        with PostgreSQL(home).superuser("monitor") as connection:
            found = connection.execute("SELECT summary FROM alerts WHERE application_id = %s AND state = 'firing' ORDER BY id", [UUID(int=0)])
            firing = [row[0] for row in found.fetchall()]
    except psycopg.Error:
        table.add_row(IDLE, "alerts", "not known yet", "", "")
        return True
    for summary in firing:
        table.add_row(BAD, "alert", "firing", summary, "")
    if not firing:
        table.add_row(GOOD, "alerts", "none", "", "")
    return not firing


def _functions(table: Table, cluster: Cluster) -> bool:
    pods: dict[str, int] = {}
    for pod in cluster.find("v1", "Pod", NAMESPACE):
        name = (pod["metadata"].get("labels") or {}).get("serving.knative.dev/service")
        if name and (pod.get("status") or {}).get("phase") in ("Pending", "Running"):
            pods[name] = pods.get(name, 0) + 1
    good = True
    for service in sorted(cluster.find(*SERVICES, NAMESPACE), key=lambda item: str(item["metadata"]["name"])):
        name = service["metadata"]["name"]
        why = not_ready({"kind": "Service", **service})
        count = pods.get(name, 0)
        state = why or (f"{count} running" if count else "at zero")
        table.add_row(BAD if why else GOOD if count else IDLE, name, state, (service.get("status") or {}).get("url", ""), "")
        good = good and why is None
    return good


def _applications(table: Table, cluster: Cluster) -> bool:
    for service in cluster.find(*SERVICES, labels="capsule.dev/managed=true"):
        why = not_ready({"kind": "Service", **service})
        name = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
        table.add_row(BAD if why else GOOD, name, why or "ready", (service.get("status") or {}).get("url", ""), "")
    return True  # a user's application that fails is no fault of the platform


def _triggers(table: Table, cluster: Cluster) -> bool:
    triggers = cluster.find(*TRIGGERS, NAMESPACE)
    late = [trigger["metadata"]["name"] for trigger in triggers if not_ready({"kind": "Trigger", **trigger})]
    state = f"{len(triggers) - len(late)} of {len(triggers)} ready"
    table.add_row(BAD if late else GOOD, "triggers", state, ", ".join(late[:4]), "")
    return not late


def _images(table: Table, home: Home) -> bool:
    """The image store, as its retention last found it; a full one refuses builds."""
    try:
        found = json.loads((home.path / "knative" / IMAGES_STATUS).read_text())
        images, used, limit = int(found["images"]), int(found["bytes"]), int(found["limit_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        table.add_row(IDLE, "images", "not known yet", "", "")
        return True
    table.add_row(GOOD if used < limit else BAD, "images", f"{images} image{'' if images == 1 else 's'}, {_size(used)} of {_size(limit)}", "", "")
    return used < limit


def _disks(table: Table, home: Home) -> None:
    """What disk images of containers take on this machine: one stat(2) each, nothing inside them is read."""
    found = list(islice((home.path / "knative" / "pods").glob("*/*/disks/*.img"), MAX_DISKS))
    state = f"{len(found)}{' or more' if len(found) == MAX_DISKS else ''}, {_size(sum(used_bytes(each) for each in found))}"
    table.add_row(GOOD if found else IDLE, "containers' disks", state if found else "none", "", "")


def _free_space(table: Table, home: Home) -> bool:
    """Of the file system with the state folder, against the reserve that knative/local/serving/eviction.py keeps."""
    if not home.path.exists():
        return True
    about = os.statvfs(home.path)
    free, total = about.f_bavail * about.f_frsize, about.f_blocks * about.f_frsize
    try:
        status = json.loads((home.path / "knative" / PRESSURE_STATUS).read_text())
        reserve = int(status["reserve_bytes"])
        is_under_pressure = bool(status["is_under_pressure"]) and free < int(status["ends_at_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        reserve, is_under_pressure = reserve_from(os.environ, total).begins_below_bytes, False
    is_low = free < reserve or is_under_pressure
    why = "DiskPressure: builds wait, the largest pods are evicted" if is_low else ""
    table.add_row(BAD if is_low else GOOD, "free disk", f"{_size(free)} of {_size(total)}, reserve {_size(reserve)}", why, "")
    return not is_low


def _size(count: int) -> str:
    """Decimal units, as disks are sold."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _health(table: Table, home: Home) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{gateway_url(home)}/health", timeout=10) as answer:
            said: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        said = {"status": f"{error.code} {error.reason}"}
    except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
        table.add_row(BAD, "health", "the gateway does not answer", gateway_url(home), "")
        return False
    good = str(said.get("status")).lower() in ("ok", "pass", "healthy", "up")
    table.add_row(GOOD if good else BAD, "health", str(said.get("status")), gateway_url(home) + "/health", "")
    return good
