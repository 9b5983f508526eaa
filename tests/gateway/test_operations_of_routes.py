"""Every response 202 of the API names its operation, or says why it has none."""

import pytest

from functions.edge.gateway.responses import location_template
from functions.edge.gateway.routing import Table
from functions.kernel import ANYONE, Done, Model, OperationBase, check_operation, command, names_operation
from functions.kernel.decorators import declarations_of
from functions.kernel.streams import event_data
from functions.runtime.config.registry import Registry

TABLE = Table(Registry.load().declarations)
WITHOUT = {"auth.receive_authorization_response", "auth.register", "auth.request_password_reset", "auth.resend_verification"}
"""Nobody is signed in: who follows an operation must not learn whether an address has an account."""
FOLLOWED_ITSELF = {"deploy.check_domain", "deploy.create_service_backup", "deploy.inspect_repository", "deploy.restore_data_service"}
"""The response has a resource with a state of its own."""


def test_each_route_that_answers_202_names_an_operation_or_a_reason() -> None:
    accepted = [route for route in TABLE.routes if route.declaration.status == 202]
    assert len(accepted) > 20
    assert {route.name for route in accepted if not names_operation(route.declaration)} == WITHOUT | FOLLOWED_ITSELF
    assert all(route.declaration.allow is ANYONE and route.declaration.without_operation for route in accepted if route.name in WITHOUT)


def test_each_location_is_a_route_that_shows_an_operation_and_one_that_streams_it() -> None:
    routes = {(route.method, route.path): route for route in TABLE.routes}
    contexts = set()
    for route in TABLE.routes:
        if names_operation(route.declaration):
            location = location_template(route, TABLE.routes)
            view, stream = routes["GET", location or ""], routes["GET", f"{location}/events"]
            assert {view.declaration.context, stream.declaration.context} == {route.declaration.context}, route.name
            assert issubclass(view.output, OperationBase) and event_data(stream.output) is view.output
            contexts.add(route.declaration.context)
    assert contexts == {"auth", "billing", "deploy", "monitor"}


class Ask(Model):
    pass


class AskAccepted(Model):
    pass


async def ask(request: Ask) -> Done[AskAccepted]:
    """Ask."""
    return Done(AskAccepted())


def test_a_202_without_an_operation_or_a_reason_is_refused() -> None:
    for fields in ({"status": 202}, {"status": 200, "without_operation": "none"}):
        [declaration] = declarations_of(command(http="POST /v1/asks", allow=ANYONE, **fields)(ask))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="without_operation"):
            check_operation(declaration)
    [declaration] = declarations_of(command(http="POST /v1/asks", allow=ANYONE, status=202, without_operation="nothing goes on")(ask))
    check_operation(declaration)
    assert not names_operation(declaration)
