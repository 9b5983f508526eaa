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

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.edge.gateway.gateway import Gateway
    from functions.kernel import Clock
    from functions.runtime.config.settings import Settings


async def open_edge(settings: "Settings", clock: "Clock | None" = None) -> "Gateway":
    """Open the gateway. Imported here: `up` reads the package's `variables` only."""
    from functions.edge.gateway import opening

    return await opening.open_edge(settings, clock)
