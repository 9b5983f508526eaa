"""Logs, timelines, metrics, measured usage and alerts of applications and of the platform.

Everything arrives as events: from the collector (`logs.collected`, `requests.measured`, `resources.measured`), from deploy and from auth.

    requests.measured, resources.measured ─▶ metrics ─▶ usage.measured ─▶ billing
    deployment.failed · rolled-back, requests over a threshold, dead-letters.counted ─▶ alert (pending → firing → resolved)
        ─ 5 s ─▶ on_alert_delivery_requested: one notification per recipient ─▶ on_alert_notification_requested: e-mail, signed webhook

Invariants:
- Rows of a time series are dropped in whole chunks (TimescaleDB or native partitions, chosen by the first migration, sql/monitor/V2). Metrics are
  kept raw for 3 days, by minute for 30 days, by hour for 400 days. The housekeeping rolls them up; queries are exact at any time (sql/monitor/V3).
- Whatever is merged later is stored in a form that can be merged: counts, sums, maxima, histogram buckets. Never means, never quantiles.
- No schedule evaluates alerts. They change when data arrives or when a timer that they set expires.
- One incident is one alert and one notification, however often it recurs within five minutes.
- The functions that ingest telemetry are not measured themselves, so that nothing feeds itself and an idle platform scales to zero.

Does not own: applications and deployments (deploy), e-mail addresses (auth), prices (billing). It keeps what it needs of them from their events.
"""
