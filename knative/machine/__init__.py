"""What an operator provides, for one machine: RabbitMQ, PostgreSQL, Secrets, a git server, and the tasks of `./taskw`.

On a cluster, a RabbitmqCluster, a managed PostgreSQL and an operator who creates the Secrets take the place of this package. The manifests are the
same: `up` starts the servers, migrates the databases, creates the Secrets and applies `knative/overlays/local` through the Kubernetes API.

Not owned here: the one-machine Knative (`knative/local`) and everything that runs on it. Nothing in `functions` imports this package.

The code is synchronous: each task does one thing after another.
"""
