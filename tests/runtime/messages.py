"""Messages as the runtime's tests send them."""

import json
import uuid


def message(type: str, id: str | None = None, **attributes: str) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": id or str(uuid.uuid4()),
        "source": "/test",
        "type": type,
        "time": "2026-01-01T00:00:00Z",
        **attributes,
    }


def request(type: str, id: str | None = None, **attributes: str) -> dict[str, str]:
    """A command or query whose sender waits for the reply."""
    return message(type, id, **{"replyto": "replies", "correlationid": str(uuid.uuid4()), "deadline": "2099-01-01T00:00:00Z", **attributes})


def deposited(account: str, id: str = "") -> bytes:
    """What the event `probe.deposited` says."""
    return json.dumps({"depositId": id or str(uuid.uuid4()), "account": account, "cents": 1}).encode()


def deposit(cents: int = 100, account: str = "a", how: str = "") -> bytes:
    return json.dumps({"account": account, "cents": cents, "how": how}).encode()
