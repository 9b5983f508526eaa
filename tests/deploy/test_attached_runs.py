"""One-off commands to which clients attach: their Job, their tickets, their limits."""

import hashlib
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.deploy import ports
from functions.deploy.commands.attach_run import AttachRun, AttachTicketView
from functions.deploy.commands.cancel_run import CancelRun
from functions.deploy.commands.record_attachment import RecordAttachment
from functions.deploy.commands.redeem_attach_ticket import AttachGrantView, RedeemAttachTicket
from functions.deploy.commands.start_run import RunAccepted, StartRun
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.rejections import ApplicationNotFound, RunHasEnded, RunIsLogged, TicketNotFound, TooManyRuns
from functions.deploy.domain.run import JOB_PREFIX, RunStreams
from functions.deploy.domain.run_views import RunView
from functions.deploy.domain.tenancy import ATTACH_ROLE, TERMINALS
from functions.deploy.queries.run_access import RunAccessView, ShowRunAccess
from functions.deploy.queries.run_pod import RunPodView, ShowRunPod
from functions.deploy.queries.runs import ListRuns
from functions.kernel import Grant, Membership, Page, Role, new_id
from tests.deploy.deploy_capsule import IMAGE, OWNER, STRANGER, DeployCapsule


async def start(capsule: DeployCapsule, application_id: UUID, streams: RunStreams = RunStreams.TERMINAL) -> RunAccepted:
    request = StartRun(application_id=application_id, environment="staging", command="bash -l", streams=streams)
    accepted: RunAccepted = await capsule.call(request, caller=OWNER)
    await capsule.settle()
    return accepted


async def ticket(capsule: DeployCapsule, application_id: UUID, run_id: UUID) -> AttachTicketView:
    view: AttachTicketView = await capsule.call(AttachRun(application_id=application_id, run_id=run_id), caller=OWNER)
    return view


async def redeem(capsule: DeployCapsule, text: str) -> AttachGrantView:
    grant: AttachGrantView = await capsule.call(RedeemAttachTicket(token_hash=hashlib.sha256(text.encode()).hexdigest()))
    return grant


def job_of(capsule: DeployCapsule, serving: Deployment, accepted: RunAccepted) -> Any:
    return capsule.cluster.objects["Job", serving.namespace, f"{JOB_PREFIX}{accepted.id.hex[-12:]}"]


@pytest.mark.parametrize(("streams", "has_terminal"), [(RunStreams.TERMINAL, True), (RunStreams.PIPES, False)])
async def test_the_job_waits_for_its_client_and_its_output_is_not_collected(capsule: DeployCapsule, streams: RunStreams, has_terminal: bool) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id, streams)
    template = job_of(capsule, serving, accepted)["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert (container["stdin"], container["tty"], container["stdinOnce"]) == (True, has_terminal, not has_terminal)
    assert container["command"][:2] == ["sh", "-c"] and container["command"][2].startswith("IFS= read -r _") and container["command"][3] == "bash -l"
    assert template["metadata"]["labels"]["capsule.dev/collect"] == "false"
    binding = capsule.cluster.objects["RoleBinding", serving.namespace, ATTACH_ROLE]
    assert [each["name"] for each in binding["subjects"]] == [TERMINALS]


async def test_a_logged_command_binds_nothing_and_cannot_be_attached_to(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id, RunStreams.LOGGED)
    assert "stdin" not in job_of(capsule, serving, accepted)["spec"]["template"]["spec"]["containers"][0]
    assert ("RoleBinding", serving.namespace, ATTACH_ROLE) not in capsule.cluster.objects
    with pytest.raises(RunIsLogged):
        await ticket(capsule, serving.application_id, accepted.id)


async def test_a_ticket_is_used_once_by_the_owner_within_a_minute(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    with pytest.raises(ApplicationNotFound):
        await capsule.call(AttachRun(application_id=serving.application_id, run_id=accepted.id), caller=STRANGER)
    issued = await ticket(capsule, serving.application_id, accepted.id)
    assert issued.url.startswith("ws") and issued.streams is RunStreams.TERMINAL

    grant = await redeem(capsule, issued.ticket)
    assert (grant.run_id, grant.user_id, grant.session_id) == (accepted.id, OWNER.user_id, OWNER.session_id)
    assert (grant.namespace, grant.container, grant.has_terminal, grant.is_waiting) == (serving.namespace, "run", True, True)
    for text in (issued.ticket, "cpt_unknown"):
        with pytest.raises(TicketNotFound):
            await redeem(capsule, text)

    for _ in range(2):
        await capsule.call(RecordAttachment(application_id=serving.application_id, run_id=accepted.id))
    assert not (await redeem(capsule, (await ticket(capsule, serving.application_id, accepted.id)).ticket)).is_waiting
    expired = await ticket(capsule, serving.application_id, accepted.id)
    await capsule.advance(minutes=2)
    with pytest.raises(TicketNotFound):
        await redeem(capsule, expired.ticket)


async def test_access_ends_with_the_membership_its_role_and_its_grant(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    memberships, user, id = capsule.port(ports.Memberships), uuid4(), new_id()

    async def is_allowed(run_id: UUID = accepted.id, user_id: UUID = user) -> bool:
        request = ShowRunAccess(application_id=serving.application_id, run_id=run_id, user_id=user_id)
        view: RunAccessView = await capsule.call(request)
        return view.is_allowed

    assert await is_allowed(user_id=OWNER.user_id) and not await is_allowed(run_id=uuid4(), user_id=OWNER.user_id)
    assert not await is_allowed()
    for role, environments, expected in (
        (Role.DEVELOPER, (), True),
        (Role.VIEWER, (), False),
        (Role.VIEWER, ("staging",), True),
        (Role.VIEWER, ("production",), False),
        (Role.VIEWER, (None,), True),
    ):
        grants = tuple(Grant(serving.application_id, each) for each in environments)
        await memberships.save(Membership(id, OWNER.user_id, user, role, grants))
        assert await is_allowed() == expected, (role, environments)
    await memberships.remove(id)
    assert not await is_allowed()


async def test_a_command_that_has_ended_accepts_nobody(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    issued = await ticket(capsule, serving.application_id, accepted.id)
    await capsule.call(CancelRun(application_id=serving.application_id, run_id=accepted.id), caller=OWNER)
    with pytest.raises(RunHasEnded):
        await redeem(capsule, issued.ticket)
    with pytest.raises(RunHasEnded):
        await ticket(capsule, serving.application_id, accepted.id)
    pod: RunPodView = await capsule.call(ShowRunPod(application_id=serving.application_id, run_id=accepted.id))
    assert pod == RunPodView(pod=None, has_ended=True)


async def test_a_command_whose_client_never_came_is_cancelled(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    waiting, attached, logged = [
        await start(capsule, serving.application_id, each) for each in (RunStreams.PIPES, RunStreams.TERMINAL, RunStreams.LOGGED)
    ]
    await capsule.call(RecordAttachment(application_id=serving.application_id, run_id=attached.id))
    await capsule.advance(minutes=6)
    await capsule.housekeeping()
    await capsule.settle()
    page: Page[RunView] = await capsule.call(ListRuns(application_id=serving.application_id), caller=OWNER)
    assert {each.id: each.status for each in page.items} == {waiting.id: "cancelled", attached.id: "running", logged.id: "running"}
    assert ("Job", serving.namespace, f"{JOB_PREFIX}{waiting.id.hex[-12:]}") not in capsule.cluster.objects


async def test_an_account_has_five_attachable_commands_at_once(capsule: DeployCapsule) -> None:
    first = await capsule.release()
    second = await capsule.release((await capsule.create("other")).id, image=IMAGE.replace("hello", "other"))
    assert (first.status, second.status, second.detail) == ("succeeded", "succeeded", None)
    for serving, count in ((first, 3), (second, 2)):
        for _ in range(count):
            await start(capsule, serving.application_id)
    with pytest.raises(TooManyRuns, match="5 one-off commands with standard input"):
        await start(capsule, second.application_id)
    await start(capsule, second.application_id, RunStreams.LOGGED)


async def test_commands_are_listed_newest_first_in_pages(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    started = [await start(capsule, serving.application_id, streams) for streams in (RunStreams.LOGGED, RunStreams.PIPES, RunStreams.TERMINAL)]
    page: Page[RunView] = await capsule.call(ListRuns(application_id=serving.application_id, limit=2), caller=OWNER)
    rest: Page[RunView] = await capsule.call(ListRuns(application_id=serving.application_id, cursor=page.next), caller=OWNER)
    assert [each.id for each in (*page.items, *rest.items)] == [each.id for each in reversed(started)]
    assert [each.streams for each in page.items] == ["terminal", "pipes"] and rest.next is None
    with pytest.raises(ApplicationNotFound):
        await capsule.call(ListRuns(application_id=serving.application_id), caller=STRANGER)
