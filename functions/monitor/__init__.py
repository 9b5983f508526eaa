"""What applications and the platform did: logs, timelines, figures, measured use, and alerts.

All of it comes in as events: the collector's (`logs.collected`, `requests.measured`, `resources.measured`), and those of deploy and auth. Rows that
come by time go by age, in chunks: TimescaleDB's or native partitions, decided at the first migration (sql/monitor/V2). Figures are kept raw for
three days, by minute for thirty, by hour for four hundred; the housekeeping sums them up, and they are exact at any moment (sql/monitor/V3).
Whatever is to be merged later is stored so that it can be: counts, sums, most-seen, buckets of durations; never means, never quantiles.

    requests.measured, resources.measured ─▶ figures ─▶ usage.measured ─▶ billing
    deployment.failed · rolled-back, requests over a threshold, dead-letters.counted ─▶ alert (pending → firing → resolved)
        ─ 5 s ─▶ on_alert_delivery_requested: all that broke together, one delivery a place ─▶ on_alert_notification_requested: mail, signed webhook

No schedule looks at alerts: they move when data arrives, or when a timer that they set themselves does. One incident is one alert and one mail,
however often it comes back within five minutes. What takes in what is collected is not collected itself, so nothing feeds itself, and at rest
everything is at zero.
"""
