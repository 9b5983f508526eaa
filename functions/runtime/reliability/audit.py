"""Records for the audit log: written with the change that they report, in the statement that is sent anyway.

The records of a transaction are one outbox row. The outbox publisher sends the rows of a process together, as one event, to auth,
which chains them. So no command waits for the chain, and no two writers of a context wait for each other.
"""

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

import orjson
from pydantic import BaseModel, SecretStr
from pydantic_core import to_jsonable_python

from events.platform import ActorKind, AuditRecord, AuditRecorded
from functions.kernel import Caller, Change, Clock, Declaration, new_id
from functions.runtime.messaging.exchanges import EVENTS
from functions.runtime.reliability.outbox import OutboxRow, PendingMessage, pending_message
from functions.wire.cloudevents import Message, new_message

MAX_TARGET_LENGTH = 300
MAX_CHANGE_BYTES = 16_384
"""Of `before` and of `after`, as JSON. What is larger is replaced by its size."""
MAX_COMBINED_BYTES = 262_144
"""Of the records that travel together, unless one transaction has more."""
MAX_SAFE_INTEGER = 2**53 - 1
"""Larger integers become texts: not every reader of JSON has them (RFC 8785, 3.2.2.3)."""
REDACTED = "(secret)"

_OPENING, _CLOSING = b'{"records":[', b"]}"
"""A row is an event, so that a release without `combine` can publish it too."""

_VERSION = re.compile(r"^/v\d+/")
_FIELD = re.compile(r"{(\w+)}")


def record(
    declaration: Declaration,
    message: Message,
    caller: Caller | None,
    inputs: Sequence[Any],
    output: Any,
    outcome: str,
    reason: str | None,
    change: Change | None,
    clock: Clock,
) -> AuditRecord:
    """Return the record of one execution. `inputs`: those of the handler. `output`: None for a rejection."""
    change = change or Change()
    user_id = caller.user_id if caller is not None else change.user_id
    return AuditRecord(
        id=new_id(),
        at=clock.now(),
        function=declaration.name,
        actor=_actor(declaration, caller, change),
        user_id=user_id,
        session_id=caller.session_id if caller is not None else getattr(output, "session_id", None) if change.is_actor else None,
        target=(change.target or _target(declaration, inputs, output, caller, user_id)).replace("\x00", "")[:MAX_TARGET_LENGTH],
        outcome=outcome,
        reason=reason,
        before=_values(change.before),
        after=_values(change.after),
        is_personal=change.is_personal,
        address=message.get("remote") or "",
        user_agent=message.get("useragent") or "",
        correlation_id=message.correlation,
    )


def pending(records: Sequence[tuple[AuditRecord, Message]], context: str) -> list[PendingMessage]:
    """Return the message with the records of a transaction, each with the message that caused it; nothing for none."""
    if not records:
        return []
    [(record, cause), *others] = records
    body = b",".join(each.model_dump_json(by_alias=True).encode() for each, _ in records)
    identity = str(new_id() if others else record.id)
    # several records have no common cause: a process that finds one of their messages repeated leaves them to the sweep
    causes = {} if others else {"causation": cause.id}
    entry = new_message(
        AuditRecorded.type,
        f"/capsule/{context}",
        _OPENING + body + _CLOSING,
        record.at,
        identity,
        correlationid=identity if others else cause.correlation,
        dataversion=str(AuditRecorded.version),
        **causes,
    )
    return [pending_message(EVENTS, AuditRecorded.type, entry)]


def is_record(row: OutboxRow) -> bool:
    return row.routing_key == AuditRecorded.type


def combine(rows: Sequence[OutboxRow]) -> Iterator[tuple[OutboxRow, int]]:
    """Return events with the records of all rows, and of how many rows each. Their ids are new: another batch may contain the same records."""
    waiting = deque(rows)
    while waiting:
        combined, size = [waiting.popleft()], 0
        while waiting and (size := size + len(combined[-1].body)) + len(waiting[0].body) <= MAX_COMBINED_BYTES:
            combined.append(waiting.popleft())
        yield _combined(combined), len(combined)


def _combined(rows: Sequence[OutboxRow]) -> OutboxRow:
    identity, records = str(new_id()), (row.body[len(_OPENING) : -len(_CLOSING)] for row in rows)
    headers = {name: value for name, value in rows[0].headers.items() if name != "causation"} | {"id": identity, "correlationid": identity}
    return replace(rows[0], id=identity, headers=headers, body=_OPENING + b",".join(records) + _CLOSING)


def _actor(declaration: Declaration, caller: Caller | None, change: Change) -> ActorKind:
    if caller is not None and caller.is_service_account:
        return ActorKind.SERVICE_ACCOUNT
    if caller is not None:
        return ActorKind.SESSION if caller.scopes is None else ActorKind.TOKEN
    if not declaration.allow.anyone:
        return ActorKind.SYSTEM
    return ActorKind.SESSION if change.is_actor else ActorKind.ANONYMOUS


def _target(declaration: Declaration, inputs: Sequence[Any], output: Any, caller: Caller | None, user_id: Any) -> str:
    """Return the path of the resource, without the API's version: `apps/<id>/environments/staging`."""
    if declaration.route is None:
        return declaration.name
    method, template = declaration.route
    path = _FIELD.sub(lambda field: _text(getattr(inputs[0], field[1])), _VERSION.sub("", template, count=1))
    if user_id is not None and (path == "users/me" or path.startswith("users/me/")):
        path = f"users/{user_id}{path.removeprefix('users/me')}"
    if caller is not None and caller.session_id is not None:
        path = path.replace("sessions/current", f"sessions/{caller.session_id}")
    created = next((value for name in ("id", "session_id") if (value := getattr(output, name, None)) is not None), None)
    return f"{path}/{created}" if method == "POST" and created is not None and str(created) not in path else path


def _text(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _values(values: Any) -> dict[str, Any] | None:
    """Return what JSON has of `before` or `after`, without secrets."""
    if values is None:
        return None
    plain: dict[str, Any] = _plain(dict(values))
    size = len(orjson.dumps(plain))
    return plain if size <= MAX_CHANGE_BYTES else {"omitted": f"{size} bytes"}


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(_text(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(each) for each in value), key=json.dumps)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_SAFE_INTEGER:
        return str(value)
    return to_jsonable_python(value)
