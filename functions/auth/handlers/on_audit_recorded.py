"""Append records of all contexts to the audit log.

The only writer of the chain. A record that arrives again is recognized by its id.
"""

from events.platform import AuditRecorded
from functions.auth.ports import AuditLog
from functions.kernel import Done, Order, Scale, on


@on(order=Order.ANY, scale=Scale(max=1, concurrency=1, pool=1))
async def on_audit_recorded(event: AuditRecorded, audit_log: AuditLog) -> Done[None]:
    await audit_log.append(event.records)
    return Done(None)
