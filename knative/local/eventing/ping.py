"""PingSources: CloudEvents on a cron schedule.

As in Knative, events have type dev.knative.sources.ping and are sent up to half a second late, so that not all fire at
once. A failed delivery is retried five times (50 ms · 2ⁿ) and then dropped. Ticks missed while this process was down
are not sent later. Each source is one timer, so idle schedules cost nothing.
"""

import asyncio
import base64
import logging
import random
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.wire import knative_events as events
from functions.wire.cron import InvalidSchedule, Schedule
from functions.wire.knative_events import Event, MalformedEvent
from knative.local.controller import Key
from knative.local.eventing.conditions import NO_OIDC, TRUE, UNKNOWN, condition_list, false
from knative.local.eventing.references import References, key_of
from knative.local.eventing.sinks import BROKER, SERVICE, Address, SinkNotFound, Sinks
from knative.local.eventing.source_delivery import deliver
from knative.local.objects import Object, reference_kind
from knative.local.store import Store

log = logging.getLogger(__name__)

TYPE = "dev.knative.sources.ping"
MAX_DELAY_SECONDS = 0.5
MAX_SLEEP_SECONDS = 3600.0
"""A clock that jumps is noticed after this time at the latest."""
MAX_LATENESS = timedelta(seconds=1)
"""Ticks that are later are skipped."""


class InvalidSource(Exception):
    """A PingSource that cannot run. The text becomes its condition's message."""


def next_tick(schedule: str, zone: str, after: datetime) -> datetime | None:
    """Return the first tick after a time, in UTC; None if there is none. Raises InvalidSource."""
    try:
        return Schedule.parse(schedule, zone).next(after)
    except InvalidSchedule as error:
        raise InvalidSource(f'schedule "{schedule}" is invalid: {error}') from error


def event_template(source: Object) -> Event:
    """Return the event of a source, without id and time. Raises InvalidSource and MalformedEvent."""
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
        raise InvalidSource("expected exactly one, got both: data, dataBase64")
    if encoded := spec.get("dataBase64"):
        event.data = base64.b64decode(encoded)
    elif data := spec.get("data"):
        event.data = data.encode()
    if event.data and (content_type := spec.get("contentType")):
        event.attributes["datacontenttype"] = content_type
    return event


@dataclass(frozen=True)
class Timer:
    """The settings of a source's timer. A change of them restarts it."""

    schedule: str
    zone: str
    address: Address
    event: Event


class PingSources:
    """Reconciler and Runnable: a task for each source."""

    kind = "PingSource.sources.knative.dev"

    def __init__(self, store: Store, sinks: Sinks) -> None:
        self._store = store
        self._sinks = sinks
        self._timers: dict[Key, tuple[Timer, asyncio.Task[None]]] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._references = References()

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {kind: self._references.referrers(kind) for kind in (SERVICE, BROKER)}

    @property
    def running(self) -> Collection[Key]:
        """namespace, name of the sources whose timers run."""
        return self._timers.keys()

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        tasks = [task for _, task in self._timers.values()] + list(self._deliveries)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def on_deleted(self, object: Object) -> None:
        self._references.remove(object)
        await self._stop_timer(key_of(object))

    async def _stop_timer(self, key: Key) -> None:
        if (running := self._timers.pop(key, None)) is not None:
            running[1].cancel()
            await asyncio.gather(running[1], return_exceptions=True)

    async def reconcile(self, object: Object) -> None:
        key, spec = key_of(object), object["spec"]
        conditions = {"SinkProvided": UNKNOWN, "Deployed": UNKNOWN, "OIDCIdentityCreated": NO_OIDC}
        status: dict[str, Any] = {}
        try:
            address = self._resolve(object)
            conditions["SinkProvided"] = TRUE
            schedule, zone = spec.get("schedule") or "* * * * *", spec.get("timezone") or ""
            next_tick(schedule, zone, datetime.now(UTC))
            event = event_template(object)
        except SinkNotFound as error:
            await self._stop_timer(key)
            conditions["SinkProvided"] = false("NotFound", str(error))
        except (InvalidSource, MalformedEvent, ValueError) as error:
            await self._stop_timer(key)
            conditions["Deployed"] = false("InvalidSpec", str(error))
        else:
            conditions["Deployed"] = TRUE
            status["sinkUri"] = address.url
            status["ceAttributes"] = [{"type": TYPE, "source": event.get("source")}]
            await self._start_timer(key, Timer(schedule, zone, address, event))
        status |= {"observedGeneration": object["metadata"].get("generation", 1), "conditions": condition_list(object, conditions)}
        self._store.set_status(self.kind, *key, status)

    def _resolve(self, source: Object) -> Address:
        namespace, sink = source["metadata"]["namespace"], source["spec"]["sink"]
        if reference := sink.get("ref"):
            self._references.add(source, reference_kind(reference), reference.get("namespace") or namespace, reference["name"])
        return self._sinks.resolve(sink, namespace)

    async def _start_timer(self, key: Key, timer: Timer) -> None:
        running = self._timers.get(key)
        if running is not None and running[0] == timer and not running[1].done():
            return
        await self._stop_timer(key)
        name = f"PingSource {key[0]}/{key[1]}"
        self._timers[key] = (timer, asyncio.create_task(self._run_timer(name, timer), name=name))

    async def _run_timer(self, name: str, timer: Timer) -> None:
        tick_at = next_tick(timer.schedule, timer.zone, datetime.now(UTC))
        while tick_at is not None:
            wait = (tick_at - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(min(max(wait, 0), MAX_SLEEP_SECONDS))
            if wait > MAX_SLEEP_SECONDS:
                continue
            task = asyncio.create_task(self._deliver(name, timer))
            self._deliveries.add(task)
            task.add_done_callback(self._deliveries.discard)
            tick_at = next_tick(timer.schedule, timer.zone, max(tick_at, datetime.now(UTC) - MAX_LATENESS))

    async def _deliver(self, name: str, timer: Timer) -> None:
        await asyncio.sleep(random.uniform(0, MAX_DELAY_SECONDS))
        template = timer.event
        event = Event({**template.attributes, "id": str(uuid.uuid4()), "time": events.now()}, template.extensions, template.data)
        reason = await deliver(self._sinks, timer.address, event)
        if reason is not None:
            log.error("%s: event to %s dropped: %s", name, timer.address.url, reason)
