"""Eventing on one machine: Brokers and Triggers over a real RabbitMQ, PingSources, ApiServerSources, and the collector.

- `dispatch` and `delivery`: the rules, without a transport.
- `rabbit`: the connection to RabbitMQ. `topology`: the messaging topology operator of a cluster.
- `broker`, `trigger`: the controllers of eventing-rabbitmq. `dispatcher`: its dispatcher pods. `ingress`: its ingress pods.
- `ping`, `apiserver`: sources. `collector`: logs and measurements of pods.
- `assembly`: wires them.
"""
