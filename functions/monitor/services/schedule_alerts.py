"""Alerts about schedules: one incident from the first run that failed or did not come to the next that succeeds."""

from datetime import datetime

from events.workloads import ScheduleDeleted, ScheduledRunFailed, ScheduledRunMissed, ScheduledRunSucceeded
from functions.monitor.domain.alerts import Alert, Events, incident_of_schedule
from functions.monitor.domain.rules import RuleKind, schedule_presets
from functions.monitor.domain.sanitizing import bounded
from functions.monitor.ports import Alerts, Rules


class ScheduleAlerts:
    def __init__(self, rules: Rules, alerts: Alerts) -> None:
        self._rules = rules
        self._alerts = alerts

    async def fire(self, event: ScheduledRunFailed | ScheduledRunMissed, summary: str, correlation_id: str) -> Events:
        """The first failure of a schedule gives its application the preset rule. A deleted preset stays deleted."""
        await self._rules.add_missing_presets(schedule_presets(event.application_id, event.at))
        incident = incident_of_schedule(event.schedule_id)
        known = (await self._alerts.lock([incident])).get(incident)
        if known is not None and known.is_firing:
            known.summary = bounded(summary)
            known.occurrences += 1
            await self._alerts.save(known)
            return ()
        matching = await self._rules.of([event.application_id], [RuleKind.SCHEDULED_RUN_FAILED])
        rule = next((each for each in matching if each.applies_to(event.environment)), None)
        if rule is None:
            return ()
        if known is not None:  # resolved a moment ago: another incident of the same name begins
            known.end(event.at)
            await self._alerts.save(known)
        alert, messages = Alert.of_schedule(rule, event.schedule_id, event.environment, bounded(summary), correlation_id, event.at)
        await self._alerts.save(alert)
        return messages

    async def resolve(self, event: ScheduledRunSucceeded, now: datetime) -> Events:
        incident = incident_of_schedule(event.schedule_id)
        known = (await self._alerts.lock([incident])).get(incident)
        if known is None or known.began_at > event.at:
            return ()
        messages = known.resolve(now)
        await self._alerts.save(known)
        return messages

    async def close(self, event: ScheduleDeleted, now: datetime) -> None:
        """End the incident without a notification: its user knows that the schedule is gone."""
        incident = incident_of_schedule(event.schedule_id)
        if known := (await self._alerts.lock([incident])).get(incident):
            known.end(now)
            await self._alerts.save(known)
