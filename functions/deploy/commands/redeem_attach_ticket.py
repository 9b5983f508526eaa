"""Redeem a ticket to attach to a one-off command.

For the function that serves terminals. It sends the hash of the ticket and gets what the ticket allows. Used once.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, RunHasEnded, RunIsLogged, RunNotFound, TicketNotFound
from functions.deploy.domain.run import COMPONENT, RunStreams
from functions.deploy.ports import Applications, Runs
from functions.deploy.services.access_control import AccessControl
from functions.kernel import ANYONE, Caller, Clock, Done, Form, Model, Permission, Permit, command


class RedeemAttachTicket(Model):
    token_hash: Annotated[str, Form("^[0-9a-f]{64}$", "a SHA-256 in 64 hexadecimal digits")]
    """SHA-256 of the ticket."""


class AttachGrantView(Model):
    application_id: UUID
    run_id: UUID
    user_id: UUID
    session_id: UUID | None
    namespace: str
    container: str
    has_terminal: bool
    is_waiting: bool
    """Whether the command waits for its first client."""
    ends_at: datetime


@command(allow=ANYONE, rejects=[TicketNotFound, ApplicationNotFound, RunNotFound, RunIsLogged, RunHasEnded])
async def redeem_attach_ticket(
    request: RedeemAttachTicket, applications: Applications, runs: Runs, control: AccessControl, clock: Clock
) -> Done[AttachGrantView]:
    ticket = await runs.redeem_ticket(bytes.fromhex(request.token_hash), clock.now())
    checked = await control.to_some_environment(Permit(Caller(ticket.user_id), Permission.APP_RUN), ticket.application_id)
    application = await applications.get(checked)
    run = await runs.get(application.id, ticket.run_id)
    checked.require_in(run.environment)
    run.require_attachable()

    return Done(
        AttachGrantView(
            application_id=application.id,
            run_id=run.id,
            user_id=ticket.user_id,
            session_id=ticket.session_id,
            namespace=application.namespace,
            container=COMPONENT,
            has_terminal=run.streams is RunStreams.TERMINAL,
            is_waiting=run.attached_at is None,
            ends_at=run.ends_at,
        )
    )
