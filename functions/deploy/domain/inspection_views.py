"""How the API shows an inspection."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.application_settings import Builder
from functions.deploy.domain.inspection import KEPT, DetectedPlanView, Inspection, InspectionState
from functions.kernel import Model


class InspectionProblem(Model):
    reason: str
    """As of a build that fails: `repository-not-found`, `repository-private`, `ref-not-found`, `not-recognized`, `unsupported` …"""
    detail: str


class InspectionView(Model):
    id: UUID
    team_id: UUID
    state: InspectionState
    repository: str
    branch: str | None
    directory: str | None
    builder: Builder
    build_command: str | None
    start_command: str | None
    release_command: str | None
    commit: str | None
    plan: DetectedPlanView | None
    problem: InspectionProblem | None
    """Why there is no plan; null while it runs."""
    requested_at: datetime
    finished_at: datetime | None
    expires_at: datetime

    @classmethod
    def of(cls, inspection: Inspection) -> Self:
        settings = inspection.settings
        problem = InspectionProblem(reason=inspection.reason, detail=inspection.detail or "") if inspection.reason else None
        return cls(
            id=inspection.id,
            team_id=inspection.team_id,
            state=inspection.state,
            repository=inspection.repository,
            branch=settings.branch,
            directory=settings.directory,
            builder=settings.builder,
            build_command=settings.build_command,
            start_command=settings.start_command,
            release_command=settings.release_command,
            commit=inspection.commit,
            plan=inspection.plan,
            problem=problem,
            requested_at=inspection.requested_at,
            finished_at=inspection.finished_at,
            expires_at=inspection.requested_at + KEPT,
        )
