"""The source that functions-framework serves: the entry point of every function that messages trigger.

The signature is `http`, not `cloudevent`: functions-framework answers 400 to a request that is not a CloudEvent, and the
broker's dispatcher counts most 4xx as success, so the message would be lost. `process` reads the event itself and answers
2xx or 5xx only.
"""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.runtime.serving.process import Process

TARGET = "capsule"

_process: list[Process] = []


def set_process(process: Process) -> None:
    """Serve the functions of this process."""
    _process[:] = [process]


@functions_framework.aio.http  # type: ignore[untyped-decorator]
async def capsule(request: Request) -> Response:
    return await _process[0].handle(request)
