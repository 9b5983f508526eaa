"""A process that serves functions: composition, HTTP entry, consumer of its own queues, grouping; and the topology job.

Invariants:

- `CAPSULE_FUNCTION` names the functions; the environment names everything else. Nothing here is decided by a context.
- A process drains on SIGTERM: it answers requests that are on their way (`graceful_protocol`), settles messages in flight and publishes committed
  events before it exits.
- No module of the one-machine Knative is imported (`functions.wire.queue_consumption` is the protocol between the two).
"""
