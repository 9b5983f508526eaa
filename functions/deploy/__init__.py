"""Applications, and their way from a git repository to a URL: build, release, deployment.

No function waits for the cluster. A command stores an intent and publishes it. An effect applies objects whose names
derive from the intent. Cluster events trigger a new observation, and the observation moves the deployment's row.
Cluster events, reminders and the housekeeping all use the same transitions, so a lost or duplicated message affects
only the timing.

    deploy → requested → on_deployment_requested: namespace, build Job
           → building → on_object_updated: Job complete, release stored
           → preparing → on_deployment_preparation_started: release phase Job → on_object_updated: Job complete
           → releasing → on_deployment_release_started: Secret, Knative Service → on_object_updated: ready, has the traffic
           → observing → on_requests_measured, on_deployment_timed_out: healthy until the end → succeeded
                                                                         unhealthy → rolling-back
           → rolling-back → on_deployment_rollback_started: traffic to the previous revision, previous Service applied
                                                                         → on_object_updated: ready → rolled-back
    failed from any step → on_deployment_failed: Jobs stopped, previous Service applied

Promotion, rollback, configuration and scaling start at preparing or releasing, without a build.

Accounts. A quota has the limits of the plan, what is used, and what billing reports: a suspension and exhausted meters. Work
is admitted under the lock of the quota. `on_account_review_requested` is the one place that restricts an account, pauses
its environments after the grace period and resumes them; commands, events of billing, its own reminder and housekeeping
publish `account.review-requested`.

`services/` holds what several use cases share: starting a deployment, rendering its manifests, transitions after
cluster calls.
"""
