"""The one source that functions-framework serves: every function of the platform enters here.

The signature is `http` and not `cloudevent`, since functions-framework answers 400 to a request that it cannot read as an event, and
the broker counts any 4xx but four as success: the message would be gone. `runtime.process` reads the event itself and answers 2xx or 5xx only.
"""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.runtime.serving.process import Process

TARGET = "capsule"

_process: list[Process] = []


def serving(process: Process) -> None:
    """Names the process whose functions are served."""
    _process[:] = [process]


@functions_framework.aio.http  # type: ignore[untyped-decorator]
async def capsule(request: Request) -> Response:
    return await _process[0].handle(request)
