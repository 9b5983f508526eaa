"""Request a ticket to attach to a one-off command.

The ticket is used once, within a minute, at the WebSocket `url`: as `Authorization: Bearer <ticket>`. The streams are
framed as Kubernetes frames them (v5.channel.k8s.io). With a terminal, the client's first message is its size.
"""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.attach_ticket import AttachTicket, TerminalAddress
from functions.deploy.domain.rejections import ApplicationNotFound, RunHasEnded, RunIsLogged, RunNotFound, TerminalsUnavailable
from functions.deploy.domain.run import RunStreams
from functions.deploy.ports import Applications, Runs
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class AttachRun(Model):
    application_id: UUID
    run_id: UUID


class AttachTicketView(Model):
    url: str
    ticket: str
    streams: RunStreams
    expires_at: datetime


@command(
    http="POST /v1/apps/{application_id}/runs/{run_id}/attachments",
    permission=Permission.APP_RUN,
    status=201,
    rejects=[ApplicationNotFound, RunNotFound, RunIsLogged, RunHasEnded, TerminalsUnavailable],
    has_secret_response=True,
)
async def attach_run(
    request: AttachRun,
    applications: Applications,
    runs: Runs,
    terminal_address: TerminalAddress,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[AttachTicketView]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.get(checked)
    run = await runs.get(application.id, request.run_id)
    checked.require_in(run.environment)
    run.require_attachable()
    if not terminal_address.url:
        raise TerminalsUnavailable
    ticket, text = AttachTicket.issue(run, permit.caller, clock.now())
    await runs.add_ticket(ticket)

    return Done(AttachTicketView(url=terminal_address.url, ticket=text, streams=run.streams, expires_at=ticket.expires_at))
