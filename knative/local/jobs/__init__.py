"""Kubernetes Jobs and CronJobs on one machine: pods that run to completion, with retries and a deadline, now or on a schedule.

`decision` has the rules (pure), `reconciler` carries them out, `push` stores the image of a build. `cron_decision` and
`cron_jobs` do the same for schedules. Indexed completion
and pod failure policies are not supported.
"""

from knative.local.jobs.cron_jobs import CronJobs
from knative.local.jobs.reconciler import Jobs

__all__ = ["CronJobs", "Jobs"]
