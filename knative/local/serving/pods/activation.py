"""Socket activation: a pod of the platform inherits the socket on which it listens (sd_listen_fds(3)), instead of opening its port.

A request to a pod that is still starting then waits in the socket's backlog, where nothing would listen yet otherwise. So its first readiness probe
is answered as soon as it serves: nothing polls it, and no time passes between that it serves and that it is known.
"""

import socket
from collections.abc import Container

from knative.local.images import PLATFORM
from knative.local.objects import Object
from knative.local.serving.node import PLATFORM_NAMESPACES
from knative.local.serving.pods.probes import free_port
from knative.local.settings import LOOPBACK

BACKLOG = 1024


def is_activated(revision: Object) -> bool:
    """Return whether pods of a revision read LISTEN_FDS: those that run the own command of the platform's image.

    A TCP probe would succeed before the pod serves.
    """
    container = revision["spec"]["containers"][0]
    runs_platform = revision["metadata"]["namespace"] in PLATFORM_NAMESPACES and container["image"].startswith(PLATFORM)
    return runs_platform and not container.get("command") and "httpGet" in (container.get("readinessProbe") or {})


def open_socket(used_ports: Container[int]) -> socket.socket:
    """Return a listening socket on a free port. Raises OSError."""
    return socket.create_server((LOOPBACK, free_port(used_ports)), backlog=BACKLOG)
