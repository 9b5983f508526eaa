"""Records for the audit log, and an exported file."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from cli.audit_chain import export_lines
from events.platform import ActorKind, AuditRecord
from functions.auth.domain.audit import AuditEntry
from functions.auth.queries.audit_chain import ChainedEntryView

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ADA, BOB = UUID(int=1), UUID(int=2)


def record(number: int = 1, user_id: UUID | None = ADA, **fields: object) -> AuditRecord:
    values: dict[str, object] = {
        "id": uuid4(),
        "at": NOW + timedelta(seconds=number),
        "function": "deploy.configure_environment",
        "actor": ActorKind.SESSION,
        "user_id": user_id,
        "session_id": UUID(int=9),
        "target": f"apps/{UUID(int=number)}",
        "outcome": "done",
        "reason": None,
        "before": {"memoryMib": 256, "note": 'ä\u2028"quoted"', "ratio": 1.0},
        "after": {"memoryMib": 512},
        "is_personal": False,
        "address": "203.0.113.7",
        "user_agent": "curl/8",
        "correlation_id": f"request-{number}",
    }
    return AuditRecord.model_validate(values | fields)


def exported(entries: list[AuditEntry], after: int = 0, previous_hash: str = "0" * 64) -> list[str]:
    """The lines of a file as `capsule audit export` writes them, from what the API answers."""
    items = [json.loads(ChainedEntryView.of(entry).model_dump_json(by_alias=True)) for entry in entries]
    return [f"{line}\n" for line in export_lines(after, previous_hash, items)]
