"""`rotate [NAME]`: without a name, list what can be rotated and how old it is."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.markup import escape

from functions.runtime.security.tokens import ACCESS_TOKEN_LIFETIME
from knative.machine import https, keys, tls
from knative.machine.cluster import Cluster, reachable
from knative.machine.home import CONTEXTS, Home
from knative.machine.postgres_roles import ROTATING
from knative.machine.problems import NotApplicable, Problem
from knative.machine.progress import Progress
from knative.machine.rotation import key_sets, records, servers, services, shared
from knative.machine.rotation.records import Record
from knative.machine.state_lock import lock

SIGNING, SEALING, WEBHOOK, HEALTH_CHECK, TLS = "signing", "sealing", "stripe-webhook", "health-check", "tls"
ALL = "all"
FORCED = (SIGNING, SEALING, WEBHOOK, HEALTH_CHECK)
"""What `--force` is for: somebody else may know the value, so nothing of before stays valid that can end."""
Run = Callable[[Home, Cluster, Record, bool], str]


@dataclass(frozen=True)
class Rotation:
    """`description`: what it replaces. `run`: does it and returns a summary. `files`: stored secrets, which tell the age until the first rotation."""

    description: str
    run: Run
    files: tuple[str, ...]


ROTATIONS = {
    SIGNING: Rotation(
        "keys that sign access tokens",
        lambda home, cluster, record, is_forced: key_sets.rotate_signing(home, cluster, record.started_at, is_forced=is_forced),
        (keys.SIGNING,),
    ),
    SEALING: Rotation(
        "keys that seal secret fields, of each context",
        lambda home, cluster, record, is_forced: key_sets.rotate_sealing(home, cluster, record.started_at, is_forced=is_forced),
        tuple(keys.SEALING.format(context=context) for context in CONTEXTS),
    ),
    servers.DATABASE: Rotation(
        "passwords of PostgreSQL's roles",
        lambda home, cluster, _, __: servers.rotate_database(home, cluster),
        tuple(f"{context}_{role}.password" for context in CONTEXTS for role in ROTATING),
    ),
    servers.BROKER: Rotation(
        "passwords of RabbitMQ's users",
        lambda home, cluster, _, __: servers.rotate_broker(home, cluster),
        tuple(f"rabbitmq-{context}.password" for context in CONTEXTS),
    ),
    services.SERVICES: Rotation(
        "logins that provision data services",
        lambda home, cluster, _, __: services.rotate(home, cluster),
        ("services-provisioner.password", "services-redis.password"),
    ),
    WEBHOOK: Rotation(
        "secret of payment webhooks",
        lambda home, cluster, _, is_forced: shared.rotate_webhook_secret(home, cluster, is_forced=is_forced),
        ("stripe-stand-in-webhook.password",),
    ),
    HEALTH_CHECK: Rotation(
        "key of health checks",
        lambda home, cluster, _, is_forced: shared.rotate_health_check(home, cluster, is_forced=is_forced),
        ("health-check.password",),
    ),
    TLS: Rotation(
        "certificates of servers and ingress",
        lambda home, cluster, _, __: servers.rotate_certificate(home, cluster),
        ("server.crt", "https.key"),
    ),
}


def rotate(home: Home, name: str | None, progress: Progress, *, is_forced: bool = False) -> None:
    """Rotate one, or all; without a name, print the list. Raises: Problem."""
    if name is None:
        print_list(home, progress.console)
        return
    if name not in (*ROTATIONS, ALL):
        raise Problem(f'"{name}" is nothing that can be rotated.', f"One of: {', '.join((*ROTATIONS, ALL))}")
    if is_forced and name not in FORCED:
        raise Problem(
            f"--force is for {', '.join(FORCED)}: it also ends former values, for the case that somebody else knows them.",
            "./taskw rotate signing --force",
        )
    with lock(home):
        if not reachable(home):
            raise Problem("Capsule does not run.", "./taskw up")
        failed = []
        for each in ROTATIONS if name == ALL else (name,):
            try:
                _rotate(home, each, progress, is_forced=is_forced)
            except Problem as problem:
                if name != ALL:
                    raise
                is_applicable = not isinstance(problem, NotApplicable)
                title = "" if is_applicable else f"[yellow]–[/] {each}: "  # a step that failed has its line already
                progress.print(f"{title or '  '}{escape(str(problem))} [dim]{escape(problem.remedy)}[/]")
                if is_applicable:
                    failed.append(each)
        if failed:
            raise Problem(f"Not rotated: {', '.join(failed)}.", "The reasons are above. Repeat: ./taskw rotate NAME")


def _rotate(home: Home, name: str, progress: Progress, *, is_forced: bool) -> None:
    if name == SIGNING and not is_forced:
        refuse_early(records.read(home).get(SIGNING), datetime.now(UTC))
    with progress.step(name) as step:
        former, record = records.read(home).get(name), records.begin(home, name, is_new=is_forced)
        try:
            step.detail = ROTATIONS[name].run(home, Cluster(home), record, is_forced)
        except NotApplicable:
            records.restore(home, record, former)
            raise
        records.finish(home, record, step.detail)


def refuse_early(last: Record | None, now: datetime) -> None:
    """A second rotation removes the key that retired in the first one. Raises: Problem while tokens of it may be valid."""
    if last is None or last.is_interrupted:
        return
    finished = datetime.fromisoformat(last.finished_at)
    if (remaining := finished + ACCESS_TOKEN_LIFETIME - now) > timedelta(0):
        raise NotApplicable(
            f"The signing keys were rotated {age(now - finished)} ago by {last.by}. Another rotation removes the key that retired, and access tokens "
            f"that it signed may be valid for {age(remaining)} more.",
            "Wait, or ./taskw rotate signing --force: clients with such tokens get 401 and refresh their session; sign-ins in progress and links in "
            "e-mails that are just being sent are refused. Use it when somebody else may know a key: it replaces all of them.",
        )


def print_list(home: Home, console: Console, now: datetime | None = None) -> None:
    now = now or datetime.now(UTC)
    last = records.read(home)
    console.print(f"{'NAME':<16}{'AGE':<12}{'BY':<14}WHAT", markup=False)
    for name, rotation in ROTATIONS.items():
        record = last.get(name)
        since = made_at(home, rotation, record)
        note = f"  interrupted, repeat: ./taskw rotate {name}" if record and record.is_interrupted else ""
        console.print(
            f"{name:<16}{age(now - since) if since else '–':<12}{record.by if record else '–':<14}{rotation.description}{note}", markup=False
        )
    for line in sealing_lines(home):
        console.print(line, markup=False)
    if (expiry := tls.expires_at(home)) is not None:
        console.print(f"tls: the certificate expires in {age(expiry - now)}", markup=False)
    for own in https.served_certificates(home)[0]:
        with suppress(OSError, ValueError):  # `doctor` tells what is wrong with it
            console.print(f"tls: {own.certificate} ({own.setting}) ends on {own.expires_at:%Y-%m-%d}, replace it yourself", markup=False)
    console.print("Rotate one: ./taskw rotate NAME; all: ./taskw rotate all. Log: ./taskw logs rotations", markup=False)


def sealing_lines(home: Home) -> list[str]:
    """What still needs retiring sealing keys. Empty when there is none, and while the databases do not run."""
    if not reachable(home):
        return []
    found = {context: key_sets.uses(home, context) for context in CONTEXTS}
    return [
        f"{context}: {len(uses)} retiring sealing {'key' if len(uses) == 1 else 'keys'}, needed by {sum(uses.values())} rows"
        for context, uses in found.items()
        if uses
    ]


def age(span: timedelta) -> str:
    """A span of time in its largest unit: `3 days`."""
    seconds = int(span.total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if (count := seconds // length) > 0:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{max(seconds, 0)} s"


def made_at(home: Home, rotation: Rotation, record: Record | None) -> datetime | None:
    """When it was rotated, or made; None if it does not exist."""
    if record is not None and record.finished_at:
        return datetime.fromisoformat(record.finished_at)
    paths = [path for name in rotation.files if (path := home.secrets / name).exists()]
    return datetime.fromtimestamp(min(path.stat().st_mtime for path in paths), UTC) if paths else None
