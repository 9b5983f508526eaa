"""What an operator of a cluster would have, for one machine: RabbitMQ, PostgreSQL, secrets, a git server, and `up`, `down`, `status`, `demo`.

Everything here stands outside of Capsule's design: on a cluster the same needs are met by a RabbitmqCluster, a managed PostgreSQL
and an operator who creates the Secrets. The two meet in the manifests: `up` starts servers, migrates, creates the Secrets and then
applies `knative/overlays/local` over the API, nothing else. Nothing in `functions` imports this package.

The code is synchronous on purpose: it is an operator's tool that does one thing after another.
"""
