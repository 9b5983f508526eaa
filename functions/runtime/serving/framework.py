"""A source for functions-framework: the functions of CAPSULE_FUNCTION under the framework's own server.

    CAPSULE_FUNCTION=auth.me … functions-framework --asgi --source functions/runtime/serving/framework.py --target capsule

To try one by hand, or where a platform starts functions this way. Installations start `serve` instead: the framework's imports (Flask)
are a fifth of a cold start, and its routes answer some requests themselves. What a message does is the same in both.

The signature is `http`, not `cloudevent`: functions-framework answers 400 to a request that is not a CloudEvent, and the broker's
dispatcher counts most 4xx as success, so the message would be lost. `process` reads the event itself and answers 2xx or 5xx only.
"""

import asyncio

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.runtime.config.settings import Settings
from functions.runtime.serving.process import Process

_process: "asyncio.Task[Process] | None" = None


async def _start() -> Process:
    process = Process(Settings())
    await process.start()
    return process


@functions_framework.aio.http  # type: ignore[untyped-decorator]
async def capsule(request: Request) -> Response:
    """Handle a message; the first one composes the functions and connects. Raises what `Process.start` raises."""
    global _process
    if _process is None or (_process.done() and _process.exception() is not None):
        _process = asyncio.create_task(_start())
    return await (await asyncio.shield(_process)).handle(request)
