"""Applications, and the way from a git repository to a URL: build, release, deployment.

The cluster is never waited for. A command writes an intent and says so; an effect applies objects whose names derive from the intent; the cluster's
own events say when to look at them again; what is seen moves the deployment's row. So whoever looks (an event, a reminder, the housekeeping) finds
the same, and a lost or doubled message changes nothing but the time it takes.

    deploy ─ requested ─▶ on_deployment_requested: namespace, build Job ─ building ─▶ on_object_updated: Job complete, release cut
           ─ releasing ─▶ on_build_succeeded: Knative Service ─▶ on_object_updated: ready ─ succeeded
    failed from anywhere ─▶ on_deployment_failed: the Service says what the last good release said
"""
