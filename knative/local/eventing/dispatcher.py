"""The transport around dispatch.py: one consumer for one queue, at most `parallelism` messages at the subscriber, 100 prefetched.

On a cluster this is a pod for each Trigger; here it is a channel and, when messages come, tasks. At rest a dispatcher is one waiting task.

How it ends differs on purpose. A cluster's dispatcher, told to end (SIGTERM: a roll-out, a drained node), sends everything in flight and
prefetched to the dead letters with code -1, though no function saw it. On one machine `down` ends every dispatcher every evening, and a
user who comes back to a hundred dead letters learns nothing from it: the default here is to let what is in flight finish for a moment and
leave the rest in its queue. CAPSULE_DISPATCHER_STOP=dead-letter gives the cluster's behaviour (the conformance suite runs with it). A
dispatcher that is killed leaves its messages queued, here as there.

A Service whose warm pods consume its queue themselves (consumer.py) needs a dispatcher only to be woken from zero and for what went wrong:
this one then gives back what it holds and has not begun, and looks several times a second whether they still consume.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from knative.local.eventing import dispatch
from knative.local.eventing.acknowledging import Acks
from knative.local.eventing.dispatch import PREFETCH, Acknowledged, Answer, DeadLetter, Lost, Policy, Request, Retry
from knative.local.eventing.ingress import Brokers, Unpublished
from knative.local.eventing.rabbit import Away, Channel, Rabbit, Refused, Unconfirmed
from knative.local.eventing.sinks import Address, NoAnswer, Sinks

log = logging.getLogger(__name__)

GRACE = 5.0
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
NOT_FOUND = 404
LOOK_AGAIN = 0.2


@dataclass(frozen=True)
class Plan:
    """Everything a dispatcher is told; another plan is another dispatcher."""

    name: str
    """for the log: Trigger capsule/auth-register"""
    queue: str
    broker: tuple[str, str]
    sink: Address
    policy: Policy
    parallelism: int = 1
    dead_letter_exchange: str | None = None
    dead_letters: bool = False
    """it serves a dead-letter queue: what fails here is acknowledged and dropped"""


@dataclass(slots=True)
class Message:
    tag: int
    headers: dict[str, Any] | None
    content_type: str | None
    body: bytes


@dataclass
class Session:
    """What RabbitMQ delivered on one channel; when the channel is gone, so is every claim to its messages."""

    channel: Channel
    acks: Acks
    waiting: deque[Message] = field(default_factory=deque)
    flying: dict[asyncio.Task[None], Message] = field(default_factory=dict)
    accepting: bool = True
    spared: asyncio.Event = field(default_factory=asyncio.Event)
    """The sink takes its messages itself."""


class Dispatcher:
    def __init__(
        self, plan: Plan, rabbit: Rabbit, sinks: Sinks, brokers: Brokers, restore: Callable[[str], Awaitable[None]], stop_as_cluster: bool,
        spared: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.counts: Counter[str] = Counter()
        self._rabbit = rabbit
        self._sinks = sinks
        self._brokers = brokers
        self._restore = restore
        self._stop_as_cluster = stop_as_cluster
        self._spared = spared
        self._session: Session | None = None
        self._task = asyncio.create_task(self._run(), name=f"dispatcher of {plan.name}")

    # --- consuming

    async def _run(self) -> None:
        wait = FIRST_WAIT
        while True:
            await self._rabbit.up()
            try:
                channel = await self._rabbit.channel()
                self._session = session = Session(channel, Acks(channel.inner))
                await channel.call("basic_qos", prefetch_count=PREFETCH)
                channel.inner.add_on_cancel_callback(lambda _, channel=channel: channel.close())
                while channel.is_open:
                    await channel.call("basic_consume", queue=self.plan.queue, on_message_callback=self._receiver(session))
                    wait = FIRST_WAIT
                    await self._until_spared(session)
                reason: Exception = channel.closed.result()
            except (Away, Refused) as error:
                reason = error
            if isinstance(reason, Refused):
                log.warning("%s: its consumer on %s ended: %s", self.plan.name, self.plan.queue, reason)
            if self._rabbit.is_up:
                await self._repair(reason)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    async def _until_spared(self, session: Session) -> None:
        """Returns when the channel is closed, or when this dispatcher was spared its work for a while and no longer is."""
        channel, spared = session.channel, asyncio.ensure_future(session.spared.wait())
        ends: set[asyncio.Future[Any]] = {channel.closed, spared}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            spared.cancel()
        if channel.is_open:
            for tag in channel.inner.consumer_tags:
                await channel.call("basic_cancel", consumer_tag=tag)
            while session.waiting:
                session.acks.returned(session.waiting.pop().tag)
            while channel.is_open and self._spared():  # noqa: ASYNC110 - nobody could tell: the other side is another process's memory
                await asyncio.sleep(LOOK_AGAIN)
            session.spared.clear()

    async def _repair(self, reason: Exception) -> None:
        """A queue that somebody deleted is declared again."""
        if isinstance(reason, Refused) and reason.code != NOT_FOUND:
            return
        try:
            await self._restore(self.plan.queue)
        except (Away, Refused) as error:
            log.warning("%s: queue %s could not be restored: %s", self.plan.name, self.plan.queue, error)

    def _receiver(self, session: Session) -> Callable[[Any, Any, Any, bytes], None]:
        parallelism, waiting, acks, flying = self.plan.parallelism, session.waiting, session.acks, session.flying

        def received(_: Any, method: Any, properties: Any, body: bytes) -> None:
            message = Message(method.delivery_tag, properties.headers, properties.content_type, body)
            acks.delivered(message.tag)
            if self._spared():
                session.spared.set()
            if len(flying) < parallelism and session.accepting:
                self._fly(session, message)
            else:
                waiting.append(message)

        return received

    def _fly(self, session: Session, message: Message) -> None:
        task = asyncio.create_task(self._work(session, message))
        session.flying[task] = message
        task.add_done_callback(lambda task: self._landed(session, task))

    def _landed(self, session: Session, task: asyncio.Task[None]) -> None:
        session.flying.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: a message was left to RabbitMQ", self.plan.name, exc_info=error)
            session.channel.close()

    async def _work(self, session: Session, message: Message) -> None:
        """This message, then whichever waits, until none does: a worker's slot."""
        task = asyncio.current_task()
        assert task is not None
        while True:
            await self._deliver(session, message)
            if not session.waiting or not session.accepting or not session.channel.is_open:
                return
            session.flying[task] = message = session.waiting.popleft()

    # --- one message

    async def _deliver(self, session: Session, message: Message) -> None:
        destination = self.plan.sink.url
        first = dispatch.opened(message.headers, message.content_type, message.body, destination)
        if not isinstance(first, Request):
            await self._settle(session, message, first)
            return
        tries = 0
        while True:
            tries += 1
            answer = await self._ask(first)
            fate = dispatch.fate(first, answer, tries, self.plan.policy, destination)
            if not isinstance(fate, Retry):
                break
            self.counts["retried"] += 1
            await asyncio.sleep(fate.after)
            if not session.channel.is_open:
                return
        if isinstance(fate, Acknowledged) and fate.reply is not None and answer is not None:
            try:
                await self._brokers.publish(*self.plan.broker, fate.reply, first.trace)
            except Unpublished as error:
                fate = dispatch.unreplied(first, answer.status, destination, str(error))
        await self._settle(session, message, fate)

    async def _ask(self, request: Request) -> Answer | None:
        try:
            return await self._sinks.send(self.plan.sink, request.headers, request.event.data, self.plan.policy.timeout)
        except NoAnswer as error:
            log.info("%s: no answer from %s: %s", self.plan.name, self.plan.sink.url, error)
            return None

    async def _settle(self, session: Session, message: Message, fate: Lost | Acknowledged | DeadLetter) -> None:
        """Acknowledged first, published second, as the real one does."""
        if not session.channel.is_open:
            return
        session.acks.settled(message.tag)
        match fate:
            case Acknowledged():
                self.counts["acknowledged"] += 1
            case Lost(reason):
                self.counts["lost"] += 1
                log.warning("%s: message acknowledged and lost: %s", self.plan.name, reason)
            case DeadLetter():
                session.acks.flush()
                await asyncio.shield(self._bury(fate))

    async def _bury(self, letter: DeadLetter) -> None:
        exchange = self.plan.dead_letter_exchange
        if self.plan.dead_letters or exchange is None:
            self.counts["dropped"] += 1
            why = "the dead-letter sink failed" if self.plan.dead_letters else "there is no dead-letter sink"
            log.error("%s: %s %s dropped, %s: %s", self.plan.name, letter.headers.get("type"), letter.message_id, why, letter.reason)
            return
        try:
            await self._brokers.letters.publish(
                exchange, "", letter.headers, letter.body, message_id=letter.message_id, content_type=letter.content_type or None
            )
        except (Away, Refused, Unconfirmed) as error:
            self.counts["dropped"] += 1
            log.error("%s: %s %s dropped, its dead letter was not taken: %s", self.plan.name, letter.headers.get("type"), letter.message_id, error)
            return
        self.counts["dead-lettered"] += 1
        log.info("%s: %s %s to the dead letters: %s", self.plan.name, letter.headers.get("type"), letter.message_id, letter.reason)

    # --- ending

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        session = self._session
        if session is None or not session.channel.is_open:
            return
        session.accepting = False
        for tag in session.channel.inner.consumer_tags:
            await self._cancel(session.channel, tag)
        if self._stop_as_cluster:
            await self._bury_all(session)
        elif session.flying:
            await asyncio.wait(session.flying, timeout=GRACE)
        for task in list(session.flying):
            task.cancel()
        await asyncio.gather(*session.flying, return_exceptions=True)
        session.acks.flush()
        session.channel.close()

    async def _cancel(self, channel: Channel, tag: str) -> None:
        try:
            await channel.call("basic_cancel", consumer_tag=tag)
        except (Away, Refused) as error:
            log.debug("%s: its consumer was gone: %s", self.plan.name, error)

    async def _bury_all(self, session: Session) -> None:
        messages = [*session.flying.values(), *session.waiting]
        session.waiting.clear()
        for task in list(session.flying):
            task.cancel()
        await asyncio.gather(*session.flying, return_exceptions=True)
        left = [message for message in messages if message.tag in session.acks.outstanding and message.tag not in session.acks.done]
        await asyncio.gather(*(self._bury_stopped(session, message) for message in left))

    async def _bury_stopped(self, session: Session, message: Message) -> None:
        first = dispatch.opened(message.headers, message.content_type, message.body, self.plan.sink.url)
        await self._settle(session, message, dispatch.stopped(first, self.plan.sink.url) if isinstance(first, Request) else first)
