"""Order the certificates of the platform's own names: the wildcard of applications, and the hosts of the API, the dashboard and terminals.

By ACME (RFC 8555) with DNS-01 through the operator's hook, because no other challenge gives a wildcard. On a cluster cert-manager does this
(docs/cluster.md).

Invariants: the process that holds the files never speaks to the network and never runs the hook (`unprivileged`). What clients would refuse is
not stored. An attempt is recorded before its order. The former certificate stays until the next one is complete.
"""
