"""A small Knative on one machine, so that Capsule has one design and not two.

On a cluster the platform's functions, the tenants' applications and their builds are Knative Services, Triggers, PingSources and Jobs. This
package takes *the same YAML over the same API* on a laptop: a TLS endpoint in the shape of the Kubernetes REST API over one generic store
(`store`, driven by the resource definitions in `definitions/`), and small level-triggered reconcilers on top of it (`controller`):
`serving` runs Services as local processes that scale to and from zero behind an ingress by host name, `jobs` runs Jobs, `eventing` is the
RabbitMQ broker, fate for fate. So the deploy context has one adapter, the `kubernetes` client, and `kubectl get ksvc` works here too.

The subset is what Capsule uses, and it is strict: a kind that has no definition, or a field that its definition does not name, is refused
with the path of the field, never ignored. Left out on purpose: persistent volumes, daemon and stateful sets, admission webhooks, custom
resource definitions of one's own, API aggregation, exec and port-forward; nothing here schedules over more than one machine.
"""
