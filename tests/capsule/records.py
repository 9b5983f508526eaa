"""The record that an execution leaves for the audit log, built as the runtime builds it. `Capsule.events` does not show records."""

from typing import Any

from pydantic import BaseModel

from events.platform import AuditRecord
from functions.kernel import Caller, Client, Clock, Declaration, Done, Origin, Rejected, Rejection
from functions.runtime.reliability import audit
from functions.wire.cloudevents import Message


def record_of(
    declaration: Declaration, request: BaseModel | None, caller: Caller | None, client: Client, origin: Origin, result: Any, clock: Clock
) -> AuditRecord | None:
    """`result`: what the handler returned, or the Rejection that it raised. None if the execution leaves no record."""
    change = result.change if isinstance(result, Done | Rejected) else None
    if not declaration.is_audited and change is None:
        return None
    rejection = result.reason if isinstance(result, Rejected) else result if isinstance(result, Rejection) else None
    attributes = {"correlationid": origin.correlation_id, "remote": client.address, "useragent": client.user_agent}
    message = Message("message-1", "/capsule/test", declaration.name, "", b"", attributes)
    output = result.output if isinstance(result, Done) else None
    outcome, reason = ("done", None) if rejection is None else ("rejected", rejection.slug())
    return audit.record(declaration, message, caller, () if request is None else (request,), output, outcome, reason, change, clock)
