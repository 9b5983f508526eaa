"""The declaration of a response that the gateway may keep.

    @query(http="GET /v1/users/me", allow=OWN_ACCOUNT, cache=Cache(seconds=60, purged_by_own=(EmailVerified, EmailChanged)))

A cached response is given to the caller it was made for and to nobody else; that of a function that takes no caller, to everyone.
It must depend on nothing but its input, its caller, and what the named events report: not on the time, the client's address or
the state of a cluster. The events of `ALWAYS_PURGED_BY` in the gateway (memberships, roles, ended sessions) need no mention.
"""

from dataclasses import dataclass

from functions.kernel.message import Event

MAX_SECONDS = 3600
USER_ID = "user_id"


@dataclass(frozen=True, slots=True)
class Cache:
    """`seconds`: how long at most. `purged_by`: events that end it for every caller. `purged_by_own`: those with the caller's id as `user_id`."""

    seconds: int
    purged_by: tuple[type[Event], ...] = ()
    purged_by_own: tuple[type[Event], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= MAX_SECONDS:
            raise TypeError(f"Cache(seconds={self.seconds}): from 1 to {MAX_SECONDS}")
        for event in self.purged_by_own:
            if USER_ID not in event.model_fields:
                raise TypeError(f"Cache: {event.__name__} has no {USER_ID}, so it belongs into purged_by")

    @property
    def events(self) -> tuple[type[Event], ...]:
        return (*self.purged_by, *self.purged_by_own)
