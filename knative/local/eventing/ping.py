"""PingSources: a cron schedule that posts a CloudEvent.

As Knative's own: every tick has the type dev.knative.sources.ping and comes up to half a second late (so that not all fire at once); a
tick that fails is tried five more times (50 ms · 2ⁿ) and then is gone; ticks missed while this process was down are not made up for. What
differs: one timer for each source and nothing else, so a hundred schedules cost nothing between their ticks.
"""

import asyncio
import base64
import logging
import random
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from knative.local.controller import Key
from knative.local.eventing import events
from knative.local.eventing.conditions import TRUE, UNKNOWN, Condition, conditions, false
from knative.local.eventing.dispatch import Policy
from knative.local.eventing.events import Event, Malformed
from knative.local.eventing.sinks import BROKER, SERVICE, Address, NoAnswer, Sinks, Unresolved
from knative.local.objects import Object
from knative.local.store import Store

log = logging.getLogger(__name__)

TYPE = "dev.knative.sources.ping"
RETRIES = Policy(retry=5, delay=0.05)
TIMEOUT = 600.0
SPREAD = 0.5
LONGEST_SLEEP = 3600.0
"""a clock that jumps is noticed at the latest after this"""

SLACK = timedelta(seconds=1)
"""later than this, ticks are missed, not made up for"""
RETRIED = frozenset({404, 413, 425, 429, 502, 503, 504})
"""sdk-go's own list, which sources use: a plain 500 is not tried again"""

DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


class BadSchedule(Exception):
    """Said in the conditions."""


def after(schedule: str, zone: str, moment: datetime) -> datetime:
    """The first tick after a moment."""
    try:
        local = moment.astimezone(ZoneInfo(zone) if zone else UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadSchedule(f"provided bad location {zone}: {error}") from error
    schedule = DESCRIPTORS.get(schedule.strip(), schedule)
    if "@every" in schedule:
        raise BadSchedule("unsupported descriptor @every")
    try:
        return next(CronSim(schedule, local)).astimezone(UTC)
    except (CronSimError, StopIteration) as error:
        raise BadSchedule(f"schedule {schedule!r}: {error or 'never'}") from error


def tick(source: Object) -> Event:
    """The event of a tick, but for its id and time."""
    spec, metadata = source["spec"], source["metadata"]
    event = Event(
        {
            "specversion": "1.0",
            "type": TYPE,
            "source": f"/apis/v1/namespaces/{metadata['namespace']}/pingsources/{metadata['name']}",
        }
    )
    for name, value in ((spec.get("ceOverrides") or {}).get("extensions") or {}).items():
        if name in events.ATTRIBUTES:
            continue
        events.set_attribute(event, name, value)
    if spec.get("data") and spec.get("dataBase64"):
        raise BadSchedule("expected exactly one, got both: data, dataBase64")
    if encoded := spec.get("dataBase64"):
        event.data = base64.b64decode(encoded)
    elif data := spec.get("data"):
        event.data = data.encode()
    if event.data and (content_type := spec.get("contentType")):
        event.attributes["datacontenttype"] = content_type
    return event


class PingSources:
    """Reconciler and Part: a task for each source."""

    kind = "PingSource.sources.knative.dev"

    def __init__(self, store: Store, sinks: Sinks) -> None:
        self._store = store
        self._sinks = sinks
        self._ticking: dict[Key, tuple[tuple[Any, ...], asyncio.Task[None]]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._following: dict[tuple[str, str, str], set[Key]] = {}

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {kind: lambda object, kind=kind: self._followers(kind, object) for kind in (SERVICE, BROKER)}  # type: ignore[misc]

    def _followers(self, kind: str, object: Object) -> list[Key]:
        return list(self._following.get((kind, object["metadata"]["namespace"], object["metadata"]["name"]), ()))

    @property
    def running(self) -> Collection[Key]:
        return self._ticking.keys()

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        tasks = [task for _, task in self._ticking.values()] + list(self._sending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def on_deleted(self, object: Object) -> None:
        await self._end((object["metadata"]["namespace"], object["metadata"]["name"]))

    async def _end(self, key: Key) -> None:
        if (running := self._ticking.pop(key, None)) is not None:
            running[1].cancel()
            await asyncio.gather(running[1], return_exceptions=True)

    async def reconcile(self, object: Object) -> None:
        namespace, name = object["metadata"]["namespace"], object["metadata"]["name"]
        spec = object["spec"]
        concerns = {"SinkProvided": UNKNOWN, "Deployed": UNKNOWN, "OIDCIdentityCreated": Condition("True", "authentication-oidc feature disabled")}
        status: dict[str, Any] = {}
        try:
            address = self._resolve(object, concerns)
            schedule, zone = spec.get("schedule") or "* * * * *", spec.get("timezone") or ""
            after(schedule, zone, datetime.now(UTC))
            event = tick(object)
        except Unresolved as error:
            await self._end((namespace, name))
            concerns["SinkProvided"] = false("NotFound", str(error))
        except (BadSchedule, Malformed, ValueError) as error:
            await self._end((namespace, name))
            concerns["Deployed"] = false("InvalidSpec", str(error))
        else:
            concerns["Deployed"] = TRUE
            status["sinkUri"] = address.url
            status["ceAttributes"] = [{"type": TYPE, "source": event.get("source")}]
            await self._run((namespace, name), (schedule, zone, address, repr(event)), event)
        status |= {"observedGeneration": object["metadata"].get("generation", 1), "conditions": conditions(object, concerns)}
        self._store.set_status(self.kind, namespace, name, status)

    def _resolve(self, source: Object, concerns: dict[str, Condition]) -> Address:
        namespace, sink = source["metadata"]["namespace"], source["spec"]["sink"]
        if reference := sink.get("ref"):
            group = str(reference["apiVersion"]).rpartition("/")[0]
            followed = (f"{reference['kind']}.{group}", reference.get("namespace") or namespace, reference["name"])
            self._following.setdefault(followed, set()).add((namespace, source["metadata"]["name"]))
        address = self._sinks.resolve(sink, namespace)
        concerns["SinkProvided"] = TRUE
        return address

    async def _run(self, key: Key, plan: tuple[str, str, Address, str], event: Event) -> None:
        running = self._ticking.get(key)
        if running is not None and running[0] == plan and not running[1].done():
            return
        await self._end(key)
        schedule, zone, address, _ = plan
        task = asyncio.create_task(self._tick(f"PingSource {key[0]}/{key[1]}", schedule, zone, address, event), name=f"ping {key[0]}/{key[1]}")
        self._ticking[key] = (plan, task)

    async def _tick(self, name: str, schedule: str, zone: str, address: Address, event: Event) -> None:
        following = after(schedule, zone, datetime.now(UTC))
        while True:
            wait = (following - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(min(max(wait, 0), LONGEST_SLEEP))
            if wait > LONGEST_SLEEP:
                continue
            task = asyncio.create_task(self._send(name, address, event))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            following = after(schedule, zone, max(following, datetime.now(UTC) - SLACK))

    async def _send(self, name: str, address: Address, event: Event) -> None:
        await asyncio.sleep(random.uniform(0, SPREAD))
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        ticked = Event({**event.attributes, "id": str(uuid.uuid4()), "time": events.canonical_time(now)}, event.extensions, event.data)
        reason = await send(self._sinks, address, ticked)
        if reason is not None:
            log.error("%s: a tick to %s is lost: %s", name, address.url, reason)


async def send(sinks: Sinks, address: Address, event: Event, policy: Policy = RETRIES) -> str | None:
    """A source's own way to deliver: retried, then given up; why, if so."""
    headers = events.to_http(event)
    tries = 0
    while True:
        tries += 1
        try:
            answer = await sinks.send(address, headers, event.data, TIMEOUT)
        except NoAnswer as error:
            reason = f"no answer: {error}"
        else:
            if answer.status < 300:
                return None
            reason = f"answered {answer.status}"
            if answer.status not in RETRIED:
                return reason
        if tries > policy.retry:
            return reason
        await asyncio.sleep(policy.wait(tries))
