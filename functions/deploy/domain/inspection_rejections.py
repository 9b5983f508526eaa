"""Rejections of inspections. The docstring of each is the title of its problem document (RFC 9457)."""

from typing import Self
from uuid import UUID

from functions.kernel import Conflict, NotFound


class TooManyInspections(Conflict):
    """Too many inspections of repositories. Wait until one ends."""

    @classmethod
    def of_running(cls, limit: int) -> Self:
        return cls(f"{limit} inspections of your team run already. Wait until one ends: it takes some seconds.")

    @classmethod
    def of_hour(cls, limit: int) -> Self:
        text = f"Your team has inspected {limit} repositories in the last hour."
        return cls(f"{text} Wait some minutes, or create the application: its build says the same.")


class InspectionNotFound(NotFound):
    """Inspection not found. Results are kept for a day."""

    @classmethod
    def of(cls, inspection_id: UUID) -> Self:
        return cls(f"Inspection {inspection_id} does not exist, or its result has expired.")
