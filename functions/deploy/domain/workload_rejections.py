"""Rejections about process types and schedules."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from functions.deploy.domain.rejections import InvalidFields
from functions.kernel import Conflict, FieldError, Invalid, NotFound


class InvalidProcesses(InvalidFields):
    """Invalid number or size of instances of a process type."""


class InvalidAutoscaling(InvalidFields):
    """Invalid autoscaling."""


class UnknownProcess(Invalid):
    """Unknown process type."""

    @classmethod
    def of(cls, name: str, known: Sequence[str]) -> Self:
        detail = f"process types: {', '.join(known)}" if known else "the release names none: add a line to the Procfile and deploy"
        if name == "web":
            detail = "web follows its requests: set its minimum and maximum instances (`capsule scale --min N --max N`)"
        return cls(f'The release has no process type "{name}" that could be scaled; {detail}.', errors=[FieldError("/processes", detail)])


class InvalidSchedule(InvalidFields):
    """Invalid schedule."""


class TooManySchedules(Conflict):
    """Too many schedules. Delete one first."""

    @classmethod
    def of(cls, environment: str, limit: int) -> Self:
        return cls(f"{environment} has {limit} schedules, the most that an environment may have. Delete one first: capsule cron list")


class ScheduleNotFound(NotFound):
    """Schedule not found."""

    @classmethod
    def of(cls, schedule_id: UUID) -> Self:
        return cls(f"This application has no schedule {schedule_id}. List them: capsule cron list")
