"""The only public entrance: HTTP in, one message to `capsule.commands`, its reply out.

Routes, validation and documentation come from the declarations; the gateway knows no context by name. It authenticates (whose token is this),
the functions authorize (may he). It is stateless: what must be remembered between two requests (a message's identity, a stored reply) lies
behind, so any number of gateways may run.
"""

from functions.edge.gateway.gateway import open_edge

__all__ = ["open_edge"]
