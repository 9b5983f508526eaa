"""What a cluster has and one machine has not, for tests of data services with servers of their own.

`serve` is the API of the one-machine Knative with the kinds of kinds.yaml. `cloudnativepg` and `stateful_sets` do what the operator of PostgreSQL and
Kubernetes' controller and kubelet do with these objects: they run real servers, from what the objects say, and report their status.
"""
