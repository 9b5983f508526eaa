"""WebSockets that a ticket of the API opens: terminals of one-off commands, and connections of tunnels."""

import json
from typing import Any, TypeVar

from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from cli.client import Json, trust
from cli.failures import ExitCode, Failure
from cli.settings import is_loopback

F = TypeVar("F", bound=Failure)

MAX_MESSAGE_BYTES = 1 << 20
NOT_OPENED = (InvalidHandshake, OSError, TimeoutError)
"""What `websockets` raises when it opens no connection."""


def options_of(ticket: Json, protocol: Subprotocol, ca_file: str) -> dict[str, Any]:
    """Return the arguments of `connect`. `ca_file`: the path of certificate authorities beside the system's; may be empty."""
    url = ticket["url"]
    return {
        "uri": url,
        "ssl": trust(ca_file) if ca_file and url.startswith("wss:") else None,
        "additional_headers": {"Authorization": f"Bearer {ticket['ticket']}"},
        "subprotocols": [protocol],
        "compression": None,
        "max_size": MAX_MESSAGE_BYTES,
        "proxy": None if is_loopback(url) else True,
        "user_agent_header": "capsule-cli",
    }


def failure_of(error: Exception, ticket: Json, title: str, kind: type[F]) -> F:
    """Return why no connection was opened. `title`: of a refusal by the platform. `error`: one of NOT_OPENED."""
    url = ticket["url"]
    if not isinstance(error, InvalidStatus):
        return kind(f"Cannot connect to {url}", str(error), exit_code=ExitCode.UNAVAILABLE)
    status, body = error.response.status_code, error.response.body or b""
    code = ExitCode.UNAVAILABLE if status >= 500 else ExitCode.REFUSED
    return kind(title, _detail(body) or f"{url} answered {status}", exit_code=code)


def _detail(body: bytes | bytearray) -> str:
    """Why, of a problem document; the text of another response, such as a proxy's."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()
