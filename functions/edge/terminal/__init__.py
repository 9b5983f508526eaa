"""Terminals: a client's WebSocket is attached to the container of a one-off command.

Invariants:

- A connection needs a ticket, which deploy issues to the owner and redeems once. This function knows no applications.
- Its account may attach to pods in the namespaces of applications, and nothing else.
- The end of the session closes the connection within about a second; so do silence and the end of the command's time.
- What passes through is neither read nor logged. The log says who attached to which command, and for how long.

Both sides frame the streams as the Kubernetes API does (`functions.wire.attach_channels`).
"""

from functions.edge.terminal.terminal import open_edge

__all__ = ["open_edge"]
