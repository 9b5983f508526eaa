"""Applications, and the way from a git repository to a URL: build, release, deployment.

The cluster is never waited for. A command writes an intent and says so; an effect applies objects whose names derive from the intent; the cluster's
own events say when to look at them again; what is seen moves the deployment's row. So whoever looks (an event, a reminder, the housekeeping) finds
the same, and a lost or doubled message changes nothing but the time it takes.

    deploy ─ requested ─▶ on_deployment_requested: namespace, build Job ─ building ─▶ on_object_updated: Job complete, release cut
           ─ preparing ─▶ on_deployment_preparation_started: the release phase's Job ─▶ on_object_updated: Job complete
           ─ releasing ─▶ on_deployment_release_started: Secret, Knative Service ─▶ on_object_updated: ready, it has the traffic
           ─ observing ─▶ on_requests_measured, on_deployment_timed_out: it stays well ─ succeeded
                                                                         it does not ─ rolling-back
           ─ rolling-back ─▶ on_deployment_rollback_started: the traffic on the revision of before, at once; the Service of before
                                                                         ─▶ on_object_updated: ready ─ rolled-back
    failed from anywhere ─▶ on_deployment_failed: the Service says what the last good release said

A promotion, a rollback, a changed configuration and another size begin at preparing or releasing: nothing is built for them.
"""
