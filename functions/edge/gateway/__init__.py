"""The API's entrance: an HTTP request becomes one message to `capsule.commands`, its reply becomes the response.

Invariants:

- Routes, validation and documentation come from the declarations. The gateway knows no context by name.
- The gateway authenticates (whose token is this), the functions authorize (may this caller do it).
- It publishes nothing before it has checked all that it can check.
- It keeps no state that a request needs, so any number of gateways may run. The inbox of each context remembers requests and
  their replies; rate limits are counted in Redis where several gateways count together.
- No caller, and no context that is slow, takes all its places (`traffic`).

It does not own sessions and quotas (contexts), TLS (Knative's ingress) and retries (clients repeat with an Idempotency-Key).
"""

from functions.edge.gateway.opening import open_edge

__all__ = ["open_edge"]
