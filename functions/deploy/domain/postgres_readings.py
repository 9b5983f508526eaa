"""Read what CloudNativePG reports of a server: its Cluster, and the log of an instance."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ClusterReading:
    is_ready: bool
    phase: str
    """In words of the operator, with its reason: `Setting up primary`."""


def read_cluster(cluster: Any) -> ClusterReading:
    """It serves when its condition Ready is true. Without a status, no operator has seen it."""
    status = cluster.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    ready = conditions.get("Ready", {})
    phase = ": ".join(text for text in (status.get("phase"), status.get("phaseReason")) if text)
    return ClusterReading(
        ready.get("status") == "True",
        phase or "CloudNativePG has not begun. Does its operator run (namespace cnpg-system)?",
    )


def read_log(lines: Iterable[str]) -> list[str]:
    """The lines of PostgreSQL itself, among the JSON lines of the instance: time, severity and message."""
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("logger") == "postgres" and isinstance(record := entry.get("record"), dict):
            found.append(" ".join(str(record.get(name, "")) for name in ("log_time", "error_severity", "message")))
    return found
