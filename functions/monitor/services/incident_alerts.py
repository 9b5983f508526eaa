"""Alerts about what fails again and again (a schedule, the backups of a service, a certificate): one incident from the first failure to the next
success."""

from datetime import datetime
from uuid import UUID

from functions.monitor.domain.alerts import Alert, Events
from functions.monitor.domain.rules import RuleKind, incident_preset
from functions.monitor.domain.sanitizing import bounded
from functions.monitor.ports import Alerts, Rules


class IncidentAlerts:
    def __init__(self, rules: Rules, alerts: Alerts) -> None:
        self._rules = rules
        self._alerts = alerts

    async def fire(
        self, kind: RuleKind, incident: str, application_id: UUID, subject: str, summary: str, *, correlation_id: str, at: datetime
    ) -> Events:
        """The first failure of a kind gives the application its preset rule. A deleted preset stays deleted.

        `subject`: the environment that a rule may name, or what else fails. Nothing fires about what was deleted.
        """
        await self._rules.add_missing_presets([incident_preset(kind, application_id, at)])
        known = (await self._alerts.lock([incident])).get(incident)
        if await self._alerts.has_ended(incident):
            return ()
        if known is not None and known.is_firing:
            known.summary = bounded(summary)
            known.occurrences += 1
            await self._alerts.save(known)
            return ()
        matching = await self._rules.of([application_id], [kind])
        rule = next((each for each in matching if each.applies_to(subject)), None)
        if rule is None:
            return ()
        if known is not None:  # resolved a moment ago: another incident of the same name begins
            known.end(at)
            await self._alerts.save(known)
        alert, messages = Alert.of_incident(rule, incident, subject, bounded(summary), correlation_id, at)
        await self._alerts.save(alert)
        return messages

    async def resolve(self, incident: str, succeeded_at: datetime, now: datetime) -> Events:
        known = (await self._alerts.lock([incident])).get(incident)
        if known is None or known.began_at > succeeded_at:
            return ()
        messages = known.resolve(now)
        await self._alerts.save(known)
        return messages

    async def close(self, incident: str, now: datetime) -> None:
        """End the incident for good, without a notification: its user knows that it was deleted. A failure may be reported later than that."""
        known = (await self._alerts.lock([incident])).get(incident)
        await self._alerts.end_incident(incident, now)
        if known is not None:
            known.end(now)
            await self._alerts.save(known)

    async def reopen(self, incident: str) -> None:
        """The deletion was undone."""
        await self._alerts.lock([incident])
        await self._alerts.restore_incident(incident)
