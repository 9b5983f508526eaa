"""Deliver the messages of one queue to one subscriber: at most `parallelism` at a time, with 100 prefetched. The rules are in `dispatch`.

On a cluster each Trigger has a dispatcher pod. Here it is an AMQP channel, and tasks while there are messages; an idle
dispatcher is one waiting task.

Stopping differs from a cluster on purpose. A cluster's dispatcher that gets SIGTERM (roll-out, drained node) sends
everything in flight and prefetched to the dead letters with code -1, although no function has seen it. On one machine
every `down` stops every dispatcher, so by default deliveries in flight get a moment to finish and the rest stays in the
queue. CAPSULE_DISPATCHER_STOP=dead-letter selects the cluster's behaviour, with which the conformance suite runs.
Messages of a dispatcher that is killed stay in the queue in both cases.

A Service whose running pods consume its queue themselves needs a dispatcher only to wake it from zero and to handle
failures. While they consume, the dispatcher is paused: it returns messages it has not started and polls until they no
longer consume.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from functions.wire.amqp.acknowledgements import Acknowledgements
from functions.wire.knative_requests import PREFETCH, DeadLetter, Lost, Request, Response, prepare_request
from knative.collector.outgoing import PublishFailed
from knative.local.eventing import dispatch
from knative.local.eventing.delivery import DeliveryPolicy
from knative.local.eventing.dispatch import Acknowledged, Retry
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.rabbit import Channel, ChannelRefused, RabbitMQ, RabbitMQUnavailable, Unconfirmed
from knative.local.eventing.sinks import Address, NoResponse, Sinks

log = logging.getLogger(__name__)

STOP_TIMEOUT_SECONDS = 5.0
FIRST_RECONNECT_SECONDS = 0.1
MAX_RECONNECT_SECONDS = 5.0
PAUSE_POLL_SECONDS = 0.2
NOT_FOUND = 404


@dataclass(frozen=True)
class DispatcherSpec:
    """Everything that defines a dispatcher. A changed spec needs a new dispatcher."""

    name: str
    """For the log: Trigger capsule/auth-register."""
    queue: str
    broker: tuple[str, str]
    sink: Address
    policy: DeliveryPolicy
    parallelism: int = 1
    dead_letter_exchange: str | None = None
    is_for_dead_letters: bool = False
    """It delivers a dead-letter queue: messages that fail are acknowledged and dropped."""


@dataclass(slots=True)
class Message:
    tag: int
    headers: dict[str, Any] | None
    content_type: str | None
    body: bytes
    is_retrying: bool = False
    """The sink has failed, and gets it again after a while."""


@dataclass
class Session:
    """The deliveries of one channel. When the channel closes, RabbitMQ requeues them."""

    channel: Channel
    acks: Acknowledgements
    waiting: deque[Message] = field(default_factory=deque)
    in_flight: dict[asyncio.Task[None], Message] = field(default_factory=dict)
    is_accepting: bool = True
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the pods of the sink consume the queue themselves."""


class Dispatcher:
    """Runs from its creation until `stop`. `counts`: what happened to its messages.

    `restore_queue` declares a deleted queue again. `is_paused`: whether the pods of the sink consume the queue
    themselves.
    """

    def __init__(
        self, spec: DispatcherSpec, rabbit: RabbitMQ, sinks: Sinks, brokers: Brokers, restore_queue: Callable[[str], Awaitable[None]],
        dead_letter_on_stop: bool, is_paused: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.spec = spec
        self.counts: Counter[str] = Counter()
        self._rabbit = rabbit
        self._sinks = sinks
        self._brokers = brokers
        self._restore_queue = restore_queue
        self._dead_letter_on_stop = dead_letter_on_stop
        self._is_paused = is_paused
        self._session: Session | None = None
        self._task = asyncio.create_task(self._run(), name=f"dispatcher of {spec.name}")

    # --- consuming

    async def _run(self) -> None:
        wait = FIRST_RECONNECT_SECONDS
        while True:
            await self._rabbit.wait_until_up()
            try:
                channel = await self._rabbit.channel()
                self._session = session = Session(channel, Acknowledgements(channel.inner))
                await channel.call("basic_qos", prefetch_count=PREFETCH)
                channel.inner.add_on_cancel_callback(lambda _, channel=channel: channel.close())
                while channel.is_open:
                    await channel.call("basic_consume", queue=self.spec.queue, on_message_callback=self.receiver(session))
                    wait = FIRST_RECONNECT_SECONDS
                    await self._consume_until_resumed(session)
                reason: Exception = channel.closed.result()
            except (RabbitMQUnavailable, ChannelRefused) as error:
                reason = error
            if isinstance(reason, ChannelRefused):
                log.warning("%s: consumer of queue %s ended: %s", self.spec.name, self.spec.queue, reason)
            if self._rabbit.is_up:
                await self._restore_missing_queue(reason)
                await asyncio.sleep(wait)
                wait = min(wait * 2, MAX_RECONNECT_SECONDS)

    async def _consume_until_resumed(self, session: Session) -> None:
        """Return when the channel is closed, or when the dispatcher was paused and may consume again."""
        channel, paused = session.channel, asyncio.ensure_future(session.paused.wait())
        ends: set[asyncio.Future[Any]] = {channel.closed, paused}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            paused.cancel()
        if channel.is_open:
            for tag in channel.inner.consumer_tags:
                await channel.call("basic_cancel", consumer_tag=tag)
            while session.waiting:
                session.acks.requeue(session.waiting.pop().tag)
            while channel.is_open and self._is_paused():  # noqa: ASYNC110 - the state is memory of another process: it can only be polled
                await asyncio.sleep(PAUSE_POLL_SECONDS)
            session.paused.clear()

    async def _restore_missing_queue(self, reason: Exception) -> None:
        if isinstance(reason, ChannelRefused) and reason.code != NOT_FOUND:
            return
        try:
            await self._restore_queue(self.spec.queue)
        except (RabbitMQUnavailable, ChannelRefused) as error:
            log.warning("%s: queue %s could not be restored: %s", self.spec.name, self.spec.queue, error)

    def receiver(self, session: Session) -> Callable[[Any, Any, Any, bytes], None]:
        """Return pika's callback for deliveries of a session."""
        parallelism, waiting, acks, in_flight = self.spec.parallelism, session.waiting, session.acks, session.in_flight

        def on_message(_: Any, method: Any, properties: Any, body: bytes) -> None:
            message = Message(method.delivery_tag, properties.headers, properties.content_type, body)
            acks.add(message.tag)
            if self._is_paused():
                session.paused.set()
            if len(in_flight) < parallelism and session.is_accepting:
                self._start_delivery(session, message)
            else:
                waiting.append(message)

        return on_message

    def _start_delivery(self, session: Session, message: Message) -> None:
        task = asyncio.create_task(self._deliver_in_turn(session, message))
        session.in_flight[task] = message
        task.add_done_callback(lambda task: self._finish_delivery(session, task))

    def _finish_delivery(self, session: Session, task: asyncio.Task[None]) -> None:
        session.in_flight.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: delivery failed; RabbitMQ requeues the message", self.spec.name, exc_info=error)
            session.channel.close()

    async def _deliver_in_turn(self, session: Session, message: Message) -> None:
        """Deliver a message, then those that wait: one of `parallelism` slots."""
        task = asyncio.current_task()
        assert task is not None
        while True:
            await self._deliver(session, message)
            if not session.waiting or not session.is_accepting or not session.channel.is_open:
                # In this turn of the loop, not in the done callback: a message that arrives between the two would wait for a slot that is free,
                # until the next message overtakes it.
                session.in_flight.pop(task, None)
                return
            session.in_flight[task] = message = session.waiting.popleft()

    # --- one message

    async def _deliver(self, session: Session, message: Message) -> None:
        destination = self.spec.sink.url
        request = prepare_request(message.headers, message.content_type, message.body, destination)
        if not isinstance(request, Request):
            await self._settle(session, message, request)
            return
        attempt = 0
        while True:
            attempt += 1
            response = await self._send(request)
            outcome = dispatch.decide(request, response, attempt, self.spec.policy, destination)
            if not isinstance(outcome, Retry):
                break
            self.counts["retried"] += 1
            message.is_retrying = True
            if session.is_accepting:
                await asyncio.sleep(outcome.after_seconds)
            if not session.channel.is_open or not session.is_accepting:
                return
            message.is_retrying = False
        if isinstance(outcome, Acknowledged) and outcome.reply is not None and response is not None:
            try:
                await self._brokers.publish(*self.spec.broker, outcome.reply, request.trace)
            except PublishFailed as error:
                outcome = dispatch.unpublished_reply_dead_letter(request, response.status, destination, str(error))
        await self._settle(session, message, outcome)

    async def _send(self, request: Request) -> Response | None:
        try:
            return await self._sinks.send(self.spec.sink, request.headers, request.event.data, self.spec.policy.timeout_seconds)
        except NoResponse as error:
            log.info("%s: no response from %s: %s", self.spec.name, self.spec.sink.url, error)
            return None

    async def _settle(self, session: Session, message: Message, outcome: Lost | Acknowledged | DeadLetter) -> None:
        """Acknowledge first, publish the dead letter second, as upstream."""
        if not session.channel.is_open:
            return
        session.acks.acknowledge(message.tag)
        match outcome:
            case Acknowledged():
                self.counts["acknowledged"] += 1
            case Lost(reason):
                self.counts["lost"] += 1
                log.warning("%s: message acknowledged and lost: %s", self.spec.name, reason)
            case DeadLetter():
                session.acks.flush()
                await asyncio.shield(self._dead_letter(outcome))

    async def _dead_letter(self, letter: DeadLetter) -> None:
        name, type, exchange = self.spec.name, letter.headers.get("type"), self.spec.dead_letter_exchange
        if self.spec.is_for_dead_letters or exchange is None:
            self.counts["dropped"] += 1
            cause = "the dead-letter sink failed" if self.spec.is_for_dead_letters else "no dead-letter sink is configured"
            log.error("%s: %s %s dropped, %s: %s", name, type, letter.message_id, cause, letter.reason)
            return
        try:
            await self._brokers.dead_letters.publish(
                exchange, "", letter.headers, letter.body, message_id=letter.message_id, content_type=letter.content_type or None
            )
        except (RabbitMQUnavailable, ChannelRefused, Unconfirmed) as error:
            self.counts["dropped"] += 1
            log.error("%s: %s %s dropped, its dead letter could not be published: %s", name, type, letter.message_id, error)
            return
        self.counts["dead-lettered"] += 1
        log.info("%s: %s %s dead-lettered: %s", name, type, letter.message_id, letter.reason)

    # --- stopping

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        session = self._session
        if session is None or not session.channel.is_open:
            return
        session.is_accepting = False
        if session.in_flight or self._dead_letter_on_stop:  # what arrives meanwhile would be for nobody; closing the channel ends the consumer too
            for tag in session.channel.inner.consumer_tags:
                await self._cancel_consumer(session.channel, tag)
        if self._dead_letter_on_stop:
            await self._dead_letter_all(session)
        elif answering := [task for task, message in session.in_flight.items() if not message.is_retrying]:
            await asyncio.wait(answering, timeout=STOP_TIMEOUT_SECONDS)  # what would be tried again is requeued
        await self._cancel_deliveries(session)
        session.acks.flush()
        session.channel.close()

    async def _cancel_consumer(self, channel: Channel, tag: str) -> None:
        try:
            await channel.call("basic_cancel", consumer_tag=tag)
        except (RabbitMQUnavailable, ChannelRefused) as error:
            log.debug("%s: the consumer has ended already: %s", self.spec.name, error)

    async def _cancel_deliveries(self, session: Session) -> None:
        tasks = list(session.in_flight)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _dead_letter_all(self, session: Session) -> None:
        messages = [*session.in_flight.values(), *session.waiting]
        session.waiting.clear()
        await self._cancel_deliveries(session)
        remaining = [message for message in messages if message.tag in session.acks.outstanding and message.tag not in session.acks.done]
        await asyncio.gather(*(self._dead_letter_stopped(session, message) for message in remaining))

    async def _dead_letter_stopped(self, session: Session, message: Message) -> None:
        destination = self.spec.sink.url
        request = prepare_request(message.headers, message.content_type, message.body, destination)
        await self._settle(session, message, dispatch.stopped_dead_letter(request, destination) if isinstance(request, Request) else request)
