"""Deployments marked in the metrics: they explain a change in a curve."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class MarkerKind(StrEnum):
    SUCCEEDED = "deployment-succeeded"
    FAILED = "deployment-failed"
    ROLLED_BACK = "deployment-rolled-back"


@dataclass(frozen=True, slots=True)
class Marker:
    deployment_id: UUID
    kind: MarkerKind
    application_id: UUID
    environment: str
    at: datetime
    release_id: UUID | None = None
    reason: str = ""
