"""A secret is shown and a secret is answered; only a signed-in caller may."""

from functions.probe.ports import Accounts
from pydantic import SecretStr

from functions.kernel import Caller, Client, Done, Model, Origin, command


class Enter(Model):
    password: SecretStr


class Pass(Model):
    token: str
    user_id: str
    address: str
    correlation_id: str


@command(status=201, has_secret_response=True)
async def enter(request: Enter, accounts: Accounts, caller: Caller, client: Client, origin: Origin) -> Done[Pass]:
    await accounts.note("entered", request.password.get_secret_value()[:1])
    return Done(Pass(token="t-1", user_id=str(caller.user_id), address=client.address, correlation_id=origin.correlation_id))
