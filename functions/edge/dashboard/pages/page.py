"""What a page declares: its address, its method, whether it needs a session, and its handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from functions.edge.dashboard.visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """`path`: in Starlette's notation. `calls`: functions that each visit calls first; they start together with a dashboard that is at zero."""

    method: str
    path: str
    handler: Handler
    is_for_members: bool = True
    calls: tuple[str, ...] = ()
