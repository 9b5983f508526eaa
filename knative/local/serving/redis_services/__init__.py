"""Redis services of applications on one machine: a server (Valkey or Redis) for each, which runs only while somebody is connected.

`front` accepts connections, those of pods through listeners in their own networks, and finds the service by the user that authenticates.
`server` starts that service's process and stops it when it is idle. `files` has its settings, users and data on disk. `provisioner` carries out
what deploy's functions ask for. Nothing of a service is in memory while it is stopped.

Bytes of tenants are parsed up to the first valid AUTH or HELLO (`protocol`), with a bound, and copied from there on.
"""

from knative.local.serving.redis_services.front import RedisFront

__all__ = ["RedisFront"]
