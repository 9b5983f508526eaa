"""The last answer to a request: a problem document for a fault that nothing nearer has answered.

uvicorn answers faults in plain text. This is the outermost part of the application,
so an error in rendering a response or in logging ends here too.
"""

import traceback

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.kernel import new_id
from functions.wire.log_output import write_log_line
from functions.wire.problems import INTERNAL_ERROR, MEDIA_TYPE, document

MAX_STACK_LENGTH = 8000


def log_fault(error: Exception, correlation_id: str) -> None:
    stack = "".join(traceback.format_exception(error))[-MAX_STACK_LENGTH:]
    write_log_line({"log": "fault", "correlation": correlation_id, "error": type(error).__name__, "stack": stack})


def answer_faults(app: ASGIApp) -> ASGIApp:
    """Wrap an application. A fault after the first byte of a response still reaches the server, which cuts the connection."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def watch(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await app(scope, receive, watch)
        except Exception as error:
            if has_started:
                raise
            request_id = str(new_id())
            log_fault(error, request_id)
            await _send_internal_error(send, request_id)

    return answer


async def _send_internal_error(send: Send, request_id: str) -> None:
    kind = INTERNAL_ERROR
    body = orjson.dumps({**document(kind.slug, kind.title, kind.status, kind.cause), "requestId": request_id})
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"private, no-store"),
        (b"x-request-id", request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": kind.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
