"""What arrives in a process's reply queue beside replies. The queue lives as long as its channel, so nothing waits for a process that is away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events that arrive in the reply queue. `on_bound`: from now on none is missed. `on_unbound`: some may be, until it is bound again."""

    types: frozenset[str]
    on_event: Callable[[Mapping[str, str], bytes], None]
    on_bound: Callable[[], None]
    on_unbound: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Announcements:
    """Messages to `capsule.replies` with a routing key that every process may bind: all that do receive each."""

    routing_key: str
    on_message: Callable[[bytes], None]
