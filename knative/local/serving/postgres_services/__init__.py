"""Databases of applications with a dedicated PostgreSQL server, which runs only while somebody is connected.

`front` accepts the connections of pods to PostgreSQL, through listeners in their own networks: those of databases with such a server go to it, all
others to the server that applications share. `startup` reads the first message of a client, and no byte after it. `server` starts a service's process
and stops it when it is idle. `files` has its data and configuration on disk, `creation` makes them. `commands` carries out what deploy's functions
request.
"""

from knative.local.serving.postgres_services.front import PostgresFront

__all__ = ["PostgresFront"]
