"""Records for the audit log: written with the change that they report, in the statement that is sent anyway.

The records of a transaction are an outbox row. The outbox publisher sends the rows of a process together, as one event, to auth, which chains
them. So no command waits for the chain, and no two writers of a context wait for each other. Receivers know each record by its id.
"""

import json
import re
from collections.abc import Sequence
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
MAX_SAFE_INTEGER = 2**53 - 1
"""Larger integers become texts: not every reader of JSON has them (RFC 8785, 3.2.2.3)."""
REDACTED = "(secret)"

_OPENING, _CLOSING = b'{"records":[', b"]}"
"""A row is an event, so that a release without `combine` can publish it too."""
MAX_MESSAGE_BYTES = 262_144
"""Of rows that are combined. A single row may be larger: a transaction has 100 records at most."""

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


def pending(records: Sequence[tuple[AuditRecord, Message]], context: str) -> PendingMessage:
    """Return the message with the records of a transaction: (record, the handled message)."""
    record, cause = records[0]
    identity, correlation, causation = (str(record.id), cause.correlation, cause.id) if len(records) == 1 else _of_many()
    entry = new_message(
        AuditRecorded.type,
        f"/capsule/{context}",
        _OPENING + b",".join([each.__pydantic_serializer__.to_json(each, by_alias=True) for each, _ in records]) + _CLOSING,
        record.at,
        identity,
        correlationid=correlation,
        causation=causation,
        dataversion=str(AuditRecorded.version),
    )
    return pending_message(EVENTS, AuditRecorded.type, entry)


def _of_many() -> tuple[str, str, None]:
    """Return the id, correlation id and cause of a message with records of several causes."""
    identity = str(new_id())
    return identity, identity, None


def is_record(row: OutboxRow) -> bool:
    return row.routing_key == AuditRecorded.type


def groups(rows: Sequence[OutboxRow]) -> list[list[OutboxRow]]:
    """Return the rows that make a message each, in their order."""
    found: list[list[OutboxRow]] = []
    size = 0
    for row in rows:
        size += len(row.body)
        if not found or size > MAX_MESSAGE_BYTES:
            found.append([])
            size = len(row.body)
        found[-1].append(row)
    return found


def combine(rows: Sequence[OutboxRow]) -> OutboxRow:
    """Return one event with the records of all rows. Its id is new: another batch may contain the same records."""
    identity, correlation, _ = _of_many()
    records = (row.body[len(_OPENING) : -len(_CLOSING)] for row in rows)
    headers = {name: value for name, value in rows[0].headers.items() if name != "causation"} | {"id": identity, "correlationid": correlation}
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
