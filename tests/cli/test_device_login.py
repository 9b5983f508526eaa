"""`capsule login --device` against scripted responses: what it prints, how it polls, how it ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from cli.client import Client
from cli.credentials import Credentials
from cli.device_login import DeviceLogin
from cli.failures import ApiError, ExitCode, Failure
from cli.output import Output
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Start = Callable[[Callable[[Request], Response]], ScriptedServer]
ADDRESS = "https://dashboard.example.org/device"
BEGUN = {
    "deviceCode": "cpd_1",
    "userCode": "WDJB-MJHT",
    "verificationUri": ADDRESS,
    "verificationUriComplete": f"{ADDRESS}?user_code=WDJB-MJHT",
    "expiresIn": 600,
    "interval": 0,
}
SESSION = {"sessionId": "s", "accessToken": "access-1", "tokenType": "Bearer", "expiresIn": 900, "refreshToken": "refresh-1"}


def error(code: str) -> Response:
    return problem(400, code.replace("_", "-"), code, error=code)


def respond(*polls: Response, interval: float = 0) -> Callable[[Request], Response]:
    answers: Iterator[Response] = iter(polls)

    def answer(request: Request) -> Response:
        match request.path:
            case "/v1/device-authorizations":
                return Response(200, {**BEGUN, "interval": interval})
            case "/v1/device-authorizations/token":
                assert request.body == {"deviceCode": "cpd_1"}
                return next(answers)
            case _:
                assert request.headers["Authorization"] == "Bearer access-1"
                return Response(200, {"email": "ada@example.org"})

    return answer


@dataclass
class Time:
    """A clock that its own sleeps move."""

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def run(scripted: Start, *polls: Response) -> Time:
    time = Time()
    client = Client(scripted(respond(*polls, interval=5)).url)
    assert DeviceLogin(client, Output(as_json=False), time.sleep, lambda: time.now).run() == SESSION
    return time


def test_the_code_is_printed_and_the_session_is_stored(terminal: Terminal, scripted: Start) -> None:
    server = scripted(respond(error("authorization_pending"), Response(200, SESSION)))
    terminal.api = server.url
    result = terminal.invoke("login", "--device", code=0)
    assert ADDRESS in result.err and "WDJB-MJHT" in result.err and "ada@example.org" in result.out
    stored = Credentials(terminal.config, server.url).login()
    assert stored is not None and (stored.email, stored.refresh_token) == ("ada@example.org", "refresh-1")


def test_the_code_is_printed_with_json_too(terminal: Terminal, scripted: Start) -> None:
    terminal.api = scripted(respond(Response(200, SESSION))).url
    result = terminal.invoke("login", "--device", "--json", code=0)
    assert "WDJB-MJHT" in result.err and result.document["email"] == "ada@example.org"


def test_polls_wait_for_the_interval_which_slow_down_prolongs(scripted: Start) -> None:
    time = run(scripted, error("authorization_pending"), error("slow_down"), error("authorization_pending"), Response(200, SESSION))
    assert time.sleeps == [5, 5, 10, 10]


@pytest.mark.parametrize(("code", "exit_code"), [("access_denied", ExitCode.REFUSED), ("expired_token", ExitCode.FAILED)])
def test_a_denial_and_the_expiry_end_it(terminal: Terminal, scripted: Start, code: str, exit_code: ExitCode) -> None:
    terminal.api = scripted(respond(error("authorization_pending"), error(code))).url
    assert "capsule login --device" in terminal.invoke("login", "--device", code=exit_code).err
    assert Credentials(terminal.config, terminal.api).login() is None


def test_another_error_is_reported_as_it_is(scripted: Start) -> None:
    with pytest.raises(ApiError):
        run(scripted, problem(400, "invalid-grant", "The device code is unknown", error="invalid_grant"))


def test_it_ends_when_the_code_expires_without_an_answer(scripted: Start) -> None:
    with pytest.raises(Failure, match="expired"):
        run(scripted, *(error("authorization_pending") for _ in range(120)))


def test_without_a_terminal_the_options_are_named(terminal: Terminal) -> None:
    for arguments in ((), ("--email", "ada@example.org")):
        assert "--device" in terminal.invoke("login", *arguments, code=ExitCode.USAGE).err
    assert "needs no address" in terminal.invoke("login", "--device", "--password-stdin", code=ExitCode.USAGE).err
