"""What the in-memory Capsule promises to the tests that use it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from events.auth import QuotaRequested, RegistrationCompleted, UserCreated
from events.deploy import ApplicationCreated, ApplicationDeleted, QuotaGranted
from functions.auth import ports as auth
from functions.auth.commands.register import Register
from functions.billing.commands.refund_invoice import RefundInvoice
from functions.deploy import ports as deploy
from functions.deploy.commands.create_application import CreateApplication
from functions.deploy.commands.deploy import Deploy
from functions.deploy.domain.rejections import ApplicationNameTaken
from functions.deploy.queries.quota import ShowQuota
from functions.kernel import Caller, Event, Forbidden, Rejection, Unauthenticated
from functions.monitor import ports as monitor
from functions.runtime.config.registry import contexts, wiring_of
from functions.runtime.execution.context import UndeclaredEvent, UndeclaredRejection
from tests.capsule import Capsule, EventWithoutHandler, InsideTransaction
from tests.capsule.ports import PORTS
from tests.capsule.transactions import external, transaction
from tests.memory.deploy import MemoryApplications, MemoryQuotas
from tests.memory.deploy_cluster import MemoryCluster

REPOSITORY = "https://git.example.com/ada/hello.git"
ADA = Caller(uuid4())


async def registered(capsule: Capsule) -> Caller:
    await capsule.call(Register(email="ada@example.org", password=SecretStr("correct horse battery staple")))
    await capsule.settle()
    [created] = capsule.events(UserCreated)
    return Caller(created.user_id)


async def test_a_registration_runs_through_three_contexts() -> None:
    capsule = Capsule()
    user = await registered(capsule)
    assert [each.user_id for each in capsule.events(QuotaGranted)] == [user.user_id]
    assert [each.user_id for each in capsule.events(RegistrationCompleted)] == [user.user_id]
    assert capsule.port(auth.Mailer).verifications[0][1] == "ada@example.org"
    assert capsule.dead_letters == []


async def test_a_command_a_query_and_the_event_in_another_context() -> None:
    capsule = Capsule()
    ada = await registered(capsule)
    application = await capsule.call(CreateApplication(name="hello", repository=REPOSITORY), caller=ada)
    assert (await capsule.port(monitor.Applications).find(application.id)) is None, "events wait for settle()"
    await capsule.settle()
    known = await capsule.port(monitor.Applications).find(application.id)
    assert known is not None and known.name == "hello"
    assert (await capsule.call(ShowQuota(), caller=ada)).applications.limit >= 1


async def test_one_context_alone_records_what_others_would_handle() -> None:
    capsule = Capsule("deploy")
    await capsule.call(CreateApplication(name="hello", repository=REPOSITORY), caller=ADA)
    await capsule.settle()
    assert capsule.event_types == ["application.created"]
    with pytest.raises(LookupError):
        capsule.port(monitor.Applications)


async def test_permissions_are_checked() -> None:
    capsule = Capsule("deploy")
    with pytest.raises(Unauthenticated):
        await capsule.call(CreateApplication(name="hello", repository=REPOSITORY))
    with pytest.raises(Forbidden):
        await Capsule("billing").call(RefundInvoice(invoice_id=uuid4(), reason="a mistake"), caller=ADA)


async def test_a_rejection_restores_what_the_function_wrote() -> None:
    capsule = Capsule("deploy", ports={deploy.Applications: refusing_applications})
    with pytest.raises(Rejection):
        await capsule.call(CreateApplication(name="hello", repository=REPOSITORY), caller=ADA)
    assert not capsule.port(deploy.Applications)._rows and not capsule.published


def refusing_applications(quotas: deploy.Quotas) -> Any:
    class Refusing(MemoryApplications):
        async def add(self, *arguments: Any, **named: Any) -> None:
            await super().add(*arguments, **named)
            raise ApplicationNameTaken()

    assert isinstance(quotas, MemoryQuotas)
    return Refusing(quotas)


async def test_reminders_arrive_when_the_clock_reaches_them() -> None:
    capsule = Capsule("deploy")
    application = await capsule.call(CreateApplication(name="hello", repository=REPOSITORY), caller=ADA)
    await capsule.call(Deploy(application_id=application.id, environment="staging"), caller=ADA)
    await capsule.settle()
    assert capsule.reminders()
    begun = capsule.clock.now()
    await capsule.advance(days=1)
    assert capsule.clock.now() == begun + timedelta(days=1)
    assert "deployment.failed" in capsule.event_types, "its build never ended"


async def test_a_failing_foreign_system_is_tried_again_and_then_becomes_a_dead_letter() -> None:
    capsule = Capsule("deploy")
    application = await capsule.call(CreateApplication(name="hello", repository=REPOSITORY), caller=ADA)
    await capsule.settle()
    cluster = capsule.port(deploy.Cluster)
    cluster.is_unavailable = True
    await capsule.publish(ApplicationDeleted(application_id=application.id, user_id=ADA.user_id, name="hello", at=capsule.clock.now()))
    assert not capsule.dead_letters
    await capsule.advance(hours=2)
    [letter] = capsule.dead_letters
    assert letter.function == "deploy.on_application_deleted" and isinstance(letter.event, ApplicationDeleted)


async def test_an_event_without_a_handler_is_an_error() -> None:
    class Forgotten(Event, type="test.forgotten"):
        id: UUID

    with pytest.raises(EventWithoutHandler, match="Forgotten"):
        await Capsule().publish(Forgotten(id=uuid4()))


def changed(**change: Any) -> Capsule:
    """A Capsule in which the declaration of `deploy.create_application` differs."""
    capsule = Capsule("deploy")
    capsule._declarations = [replace(each, **change) if each.name == "deploy.create_application" else each for each in capsule._declarations]
    return capsule


async def test_an_undeclared_event_or_rejection_is_an_error() -> None:
    request = CreateApplication(name="hello", repository=REPOSITORY)
    with pytest.raises(UndeclaredEvent, match="ApplicationCreated"):
        await changed(emits=()).call(request, caller=ADA)
    capsule = changed(rejects=())
    await capsule.call(request, caller=ADA)
    with pytest.raises(UndeclaredRejection):
        await capsule.call(request, caller=ADA)


async def test_a_foreign_system_may_not_be_called_inside_a_transaction() -> None:
    cluster = external(MemoryCluster())
    with pytest.raises(InsideTransaction, match="delete_job"), transaction([]):
        await cluster.delete_job("app-hello", "build")
    await cluster.delete_job("app-hello", "build")


@pytest.mark.parametrize("context", contexts())
def test_every_memory_adapter_stands_behind_a_port_of_its_context(context: str) -> None:
    shared = {each for each in PORTS[context] if each.__module__.startswith("tests.")}  # what several memory adapters share
    assert set(PORTS[context]) - shared <= set(wiring_of(context).ports)


async def test_a_handler_gets_what_json_carries() -> None:
    capsule = Capsule("deploy")
    event = QuotaRequested(user_id=ADA.user_id, at=capsule.clock.now().replace(microsecond=123456))
    await capsule.publish(event)
    [granted] = capsule.events(QuotaGranted)
    assert granted.user_id == event.user_id
    assert isinstance(capsule.published[0].event, QuotaGranted) and capsule.published[0].function == "deploy.on_quota_requested"


async def test_published_events_name_their_origin() -> None:
    capsule = Capsule("deploy")
    await capsule.call(CreateApplication(name="hello", repository=REPOSITORY), caller=ADA, correlation_id="request-7")
    [published] = capsule.published
    assert published.origin.correlation_id == "request-7" and published.origin.actor == str(ADA.user_id)
    assert isinstance(published.event, ApplicationCreated)
