"""Monitor's ports for rules, alerts and notifications in memory: the same promises as over PostgreSQL."""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from functions.kernel import Permanent
from functions.monitor.domain.alerts import Alert, State
from functions.monitor.domain.dead_letters import Waiting, WaitingTally
from functions.monitor.domain.notifications import SECRET, Channel, Delivery, DeliveryState, Notification
from functions.monitor.domain.rules import NoData, Rule, RuleKind, presets
from tests.memory.monitor import MemoryApplications


class MemoryAddresses:
    def __init__(self) -> None:
        self.addresses: dict[UUID, tuple[datetime, str]] = {}
        self.deleted: dict[UUID, datetime] = {}

    async def keep(self, user_id: UUID, email: str, at: datetime) -> None:
        known = self.addresses.get(user_id)
        if user_id in self.deleted:
            return
        if known is None or known[0] < at:
            self.addresses[user_id] = (at, email)

    async def of(self, user_id: UUID) -> str | None:
        known = self.addresses.get(user_id)
        return known[1] if known else None


class MemoryRules:
    def __init__(self, applications: MemoryApplications) -> None:
        self._applications = applications
        self.rules: dict[UUID, Rule] = {}
        self.deleted: set[UUID] = set()

    async def add_missing_presets(self, rules: Collection[Rule]) -> None:
        for rule in self._missing(rules):
            self.rules[rule.id] = rule

    def _missing(self, presets: Collection[Rule]) -> list[Rule]:
        stored = {(rule.application_id, rule.kind) for rule in self.rules.values() if rule.preset}
        return [rule for rule in presets if (rule.application_id, rule.kind) not in stored]

    async def add(self, rule: Rule) -> None:
        self.rules[rule.id] = rule

    async def get(self, rule_id: UUID) -> Rule | None:
        return None if rule_id in self.deleted else self.rules.get(rule_id)

    async def of(self, application_ids: Collection[UUID], kinds: Collection[RuleKind] = tuple(RuleKind)) -> Sequence[Rule]:
        known = (await self._applications.find_many(application_ids)).values()
        unstored = [rule for each in known if each.created_at is not None for rule in self._missing(presets(each.id, each.created_at))]
        stored = [rule for rule in self.rules.values() if rule.application_id in application_ids and rule.id not in self.deleted]
        return sorted((rule for rule in (*stored, *unstored) if rule.kind in kinds), key=lambda rule: (rule.created_at, rule.kind, rule.id))

    async def firing_without_data(self) -> Sequence[Rule]:
        return [rule for rule in self.rules.values() if rule.no_data is NoData.FIRE and rule.id not in self.deleted]

    async def delete(self, rule_id: UUID, at: datetime) -> None:
        self.deleted.add(rule_id)


class MemoryDeadLetters:
    def __init__(self) -> None:
        self.counts: dict[tuple[str, datetime], tuple[str, Waiting]] = {}

    async def add(self, context: str, counts: Mapping[str, Waiting], at: datetime) -> None:
        self.counts |= {(function, at): (context, found) for function, found in counts.items()}

    async def counted_in(self, context: str) -> Collection[str]:
        newest = {function: found for (function, _), (of, found) in sorted(self.counts.items()) if of == context}
        return [function for function, found in newest.items() if found.letters]

    async def last(self, function: str, since: datetime) -> Waiting | None:
        found = [(at, each) for (name, at), (_, each) in self.counts.items() if name == function and at >= since]
        return max(found, key=lambda each: each[0])[1] if found else None

    async def by_function(self, since: datetime, until: datetime) -> Mapping[str, WaitingTally]:
        found: dict[str, WaitingTally] = {}
        for (function, at), (_, each) in sorted(self.counts.items()):
            if since <= at < until:
                most = max(found[function].most if function in found else 0, each.letters)
                found[function] = WaitingTally(each.letters, most, each.oldest_at if each.letters else None)
        return found

    async def forget(self, before: datetime) -> int:
        old = [key for key in self.counts if key[1] < before]
        for key in old:
            del self.counts[key]
        return len(old)


class MemoryOperators:
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    def addresses(self) -> Sequence[str]:
        return self._addresses


class MemoryAlerts:
    def __init__(self, applications: MemoryApplications) -> None:
        self._applications = applications
        self.alerts: dict[UUID, Alert] = {}
        self.ended: dict[str, datetime] = {}

    async def lock(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        """One loop, no transactions: nothing moves meanwhile."""
        return await self.open(incidents)

    async def open(self, incidents: Collection[str]) -> Mapping[str, Alert]:
        return {alert.incident: copy.copy(alert) for alert in self.alerts.values() if alert.incident in incidents and not alert.closed}

    async def open_of(self, application_id: UUID) -> Sequence[Alert]:
        found = [copy.copy(alert) for alert in self.alerts.values() if alert.application_id == application_id and not alert.closed]
        return sorted(found, key=lambda alert: alert.id)

    async def of_deployment(self, deployment_id: UUID) -> Alert | None:
        return next((copy.copy(alert) for alert in self.alerts.values() if alert.deployment_id == deployment_id), None)

    async def get(self, alert_id: UUID) -> Alert | None:
        return copy.copy(self.alerts.get(alert_id))

    async def lock_one(self, alert_id: UUID) -> Alert | None:
        return await self.get(alert_id)

    async def save(self, alert: Alert) -> None:
        self.alerts[alert.id] = copy.copy(alert)

    async def page(self, application_ids: Collection[UUID], states: Collection[str], before: UUID | None, limit: int) -> Sequence[Alert]:
        found = [
            copy.copy(alert)
            for alert in self.alerts.values()
            if alert.application_id in application_ids
            and alert.state in states
            and (alert.fired_at is not None or alert.state is State.PENDING)
            and (before is None or alert.id < before)
        ]
        return sorted(found, key=lambda alert: alert.id, reverse=True)[:limit]

    async def page_of_teams(
        self, team_ids: Collection[UUID], others: Collection[UUID], states: Collection[str], before: UUID | None, limit: int
    ) -> Sequence[Alert]:
        owned = [each.id for each in await self._applications.of_teams(team_ids)]
        return await self.page([*owned, *others], states, before, limit)

    async def end_incident(self, incident: str, at: datetime) -> None:
        self.ended.setdefault(incident, at)

    async def restore_incident(self, incident: str) -> None:
        self.ended.pop(incident, None)

    async def has_ended(self, incident: str) -> bool:
        return incident in self.ended

    async def forget(self, before: datetime) -> int:
        self.ended = {incident: at for incident, at in self.ended.items() if at >= before}
        old = [key for key, alert in self.alerts.items() if alert.closed and alert.resolved_at is not None and alert.resolved_at < before]
        for key in old:
            del self.alerts[key]
        return len(old)


class MemoryChannels:
    def __init__(self) -> None:
        self.channels: dict[UUID, Channel] = {}

    async def add(self, channel: Channel) -> None:
        self.channels[channel.id] = channel

    async def get(self, channel_id: UUID) -> Channel | None:
        return self.channels.get(channel_id)

    async def of(self, application_id: UUID) -> Sequence[Channel]:
        found = [channel for channel in self.channels.values() if channel.application_id == application_id]
        return sorted(found, key=lambda channel: (channel.created_at, channel.id))

    async def delete(self, channel_id: UUID, at: datetime) -> None:
        self.channels.pop(channel_id, None)

    async def seal(self, seal: Callable[[str], str]) -> int:
        found = [channel for channel in self.channels.values() if channel.secret.startswith(SECRET)]
        self.channels |= {channel.id: replace(channel, secret=seal(channel.secret)) for channel in found}
        return len(found)


class MemoryVault:
    """Nothing is hidden in memory, and yet what is sealed must be opened."""

    def seal(self, secret: str) -> str:
        return f"sealed:memory:{secret}"

    def open(self, sealed: str) -> str:
        if not sealed.startswith("sealed:memory:"):
            raise Permanent("it is not sealed")
        return sealed.removeprefix("sealed:memory:")


class MemoryDeliveries:
    def __init__(self) -> None:
        self.deliveries: dict[UUID, Delivery] = {}

    async def add(self, delivery: Delivery) -> None:
        self.deliveries[delivery.id] = delivery

    async def get(self, delivery_id: UUID) -> Delivery | None:
        return self.deliveries.get(delivery_id)

    async def record_attempt(self, delivery_id: UUID, answer: str) -> None:
        known = self.deliveries[delivery_id]
        if known.state is DeliveryState.PENDING:
            self.deliveries[delivery_id] = replace(known, attempts=known.attempts + 1, answer=answer)

    async def finish(self, delivery_id: UUID, delivered: bool, answer: str, at: datetime) -> None:
        known = self.deliveries[delivery_id]
        if known.state is DeliveryState.PENDING:
            state = DeliveryState.DELIVERED if delivered else DeliveryState.FAILED
            self.deliveries[delivery_id] = replace(known, attempts=known.attempts + 1, answer=answer, state=state, finished_at=at)

    async def of(self, application_id: UUID, before: UUID | None, limit: int) -> Sequence[Delivery]:
        found = [
            delivery
            for delivery in self.deliveries.values()
            if delivery.application_id == application_id and (before is None or delivery.id < before)
        ]
        return sorted(found, key=lambda delivery: delivery.id, reverse=True)[:limit]

    async def forget(self, before: datetime) -> int:
        old = [key for key, delivery in self.deliveries.items() if delivery.created_at < before]
        for key in old:
            del self.deliveries[key]
        return len(old)


class MemoryMailer:
    """What was sent; `trouble` is raised instead, once for each that is in it."""

    def __init__(self) -> None:
        self.sent: list[tuple[UUID, str, Notification]] = []
        self.trouble: list[Exception] = []

    async def send(self, intent: UUID, to: str, content: Notification) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.sent.append((intent, to, content))


class MemoryWebhooks:
    def __init__(self) -> None:
        self.posted: list[tuple[str, str, UUID, bytes]] = []
        """URL, secrets with a space between them, id, body."""
        self.trouble: list[Exception] = []

    async def post(self, url: str, secrets: Sequence[str], delivery_id: UUID, body: bytes, at: datetime) -> str:
        if self.trouble:
            raise self.trouble.pop(0)
        self.posted.append((url, " ".join(secrets), delivery_id, body))
        return "204 No Content"
