"""Stores of work that users wait for: one-off commands, and operations of the cluster."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.attach_ticket import AttachTicket
from functions.deploy.domain.inspection import Inspection
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.run import Run


class Operations(Protocol):
    """Operations that are neither deployments nor one-off commands, which have rows of their own."""

    async def add(self, operation: Operation) -> None: ...

    async def find(self, operation_id: UUID) -> Operation | None:
        """Read an operation to check the access to it: callers compare its application."""
        ...

    async def find_last(self, kind: OperationKind, application_id: UUID, environment: str | None) -> Operation | None:
        """The newest operation of this kind."""
        ...

    async def lock_requested(self, kind: OperationKind, application_id: UUID, environment: str | None, requested_at: datetime) -> Operation | None:
        """The operation that was requested then, locked until the transaction ends."""
        ...

    async def save(self, operation: Operation) -> None: ...

    async def delete_before(self, requested_before: datetime) -> None: ...


class Inspections(Protocol):
    """Inspections of repositories."""

    async def add(self, inspection: Inspection) -> None: ...

    async def find(self, inspection_id: UUID) -> Inspection | None:
        """Read an inspection. Callers check the access to its team."""
        ...

    async def lock(self, inspection_id: UUID) -> Inspection | None:
        """`find`, with the row locked until the transaction ends."""
        ...

    async def save(self, inspection: Inspection) -> None: ...

    async def count(self, team_id: UUID, now: datetime) -> tuple[int, int]:
        """Return how many inspections of the team run, and how many were requested in the last hour."""
        ...

    async def list_overdue(self, requested_before: datetime, limit: int) -> Sequence[Inspection]:
        """Inspections that have not ended, the oldest first."""
        ...

    async def delete_before(self, requested_before: datetime) -> None:
        """Delete those that have ended."""
        ...


class Runs(Protocol):
    """One-off commands."""

    async def add(self, run: Run) -> None: ...

    async def get(self, application_id: UUID, run_id: UUID) -> Run:
        """Raises RunNotFound, also for the run of another application."""
        ...

    async def find(self, run_id: UUID) -> Run | None:
        """Read a run to check the access to it: callers compare its application."""
        ...

    async def lock(self, application_id: UUID, run_id: UUID) -> Run:
        """Read and lock the row until the transaction ends. Raises RunNotFound."""
        ...

    async def save(self, run: Run) -> None: ...

    async def count_active(self, application_id: UUID, since: datetime) -> int:
        """Count runs that have not ended and were requested since then, without those at the time of a schedule."""
        ...

    async def count_attachable(self, user_id: UUID, since: datetime) -> int:
        """Count runs with standard input or a terminal, in all applications of a user, that have not ended and were
        requested since then."""
        ...

    async def lock_waiting(self, requested_before: datetime, limit: int) -> Sequence[Run]:
        """Lock runs that have waited for their first client since then."""
        ...

    async def find_by_job(self, application_id: UUID, job_name: str) -> Run | None:
        """The run with this Job of the cluster's, locked until the transaction ends."""
        ...

    async def lock_unfinished(self, schedule_id: UUID) -> Sequence[Run]:
        """The runs of a schedule that have not ended, locked until the transaction ends, oldest first."""
        ...

    async def page_of_schedule(self, schedule_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Run]:
        """The runs of a schedule, newest first."""
        ...

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Run]:
        """The runs of an application, newest first. `before`: the id of the last one of the previous page."""
        ...

    async def add_ticket(self, ticket: AttachTicket) -> None:
        """Store a ticket, and delete those that expired before its run was requested."""
        ...

    async def redeem_ticket(self, token_hash: bytes, now: datetime) -> AttachTicket:
        """Delete the ticket: it is used once. Raises TicketNotFound, also for an expired one."""
        ...

    async def find_active(self, application: str, job: str) -> Run | None:
        """The run of an application, by name, that has this Job and has not ended."""
        ...

    async def delete_before(self, requested_before: datetime) -> None: ...
