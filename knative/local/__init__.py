"""A small Knative on one machine, so that Capsule has one design for clusters and single machines.

On a cluster the platform's functions, the tenants' applications and their builds are Knative Services, Triggers,
PingSources, Deployments, Jobs and CronJobs. This package accepts the same YAML over the same API on one machine: a TLS endpoint with the
Kubernetes REST API over one generic store (`api`, `store`, driven by the resource definitions in `definitions/`), and
level-triggered reconcilers (`controller`). `serving` runs Services as local processes that scale to and from zero
behind an ingress, `deployments` runs Deployments, `jobs` runs Jobs and CronJobs, `eventing` is the RabbitMQ broker. The
deploy context therefore has one adapter, the `kubernetes` client, and `kubectl get ksvc` works.

The subset is what Capsule uses, and it is strict: a kind without a definition, or a field that its definition does not
name, is refused with the path of the field. Not supported: persistent volumes, DaemonSets and StatefulSets, admission
webhooks, custom resource definitions, API aggregation, exec and port-forward, more than one machine.
"""
