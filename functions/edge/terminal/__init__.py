"""Terminals and tunnels: a client's WebSocket is attached to the container of a one-off command, or connected to a data service.

Invariants:

- A connection needs a ticket of deploy: that of a command is redeemed once, that of a tunnel is good for connections of an hour. This function
  knows no applications, and no addresses but those that deploy answers with: servers that the operator has named, never one that a tenant has.
- Its account may attach to pods in the namespaces of applications, and nothing else.
- The end of the session or of the access closes the connection within about a second; so do silence and the end of the time.
- What passes through is neither read nor logged. The log says who was connected to what, for how long, and how many bytes a tunnel has carried.

Both sides frame the streams of a command as the Kubernetes API does (`functions.wire.attach_channels`), and the bytes of a tunnel as
`functions.wire.tunnel_messages` says.
"""

from functions.edge.terminal.terminal import open_edge

__all__ = ["open_edge"]
