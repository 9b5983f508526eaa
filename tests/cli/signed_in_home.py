"""A terminal of a signed-in user of a complete Capsule, with an application and its first deployment."""

import secrets
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass

import pytest

from knative.machine import mailbox, repositories
from tests.cli.schemas import assert_matches
from tests.cli.terminal import Result, Terminal
from tests.journeys.whole import Json, Whole, until

PASSWORD = "correct horse battery staple"


@dataclass
class Home(Terminal):
    """A terminal of a signed-in user, in a folder with a capsule.toml."""

    email: str = ""
    name: str = ""
    has_processes: bool = False

    def run(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Result:
        return _with_next_step(arguments, super().run(*arguments, stdin=stdin, code=code))

    def invoke(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Result:
        with chdir(self.cwd):
            return _with_next_step(arguments, super().invoke(*arguments, stdin=stdin, code=code))

    def call(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Result:
        """As a process, or within this one."""
        return (self.run if self.has_processes else self.invoke)(*arguments, stdin=stdin, code=code)


def _with_next_step(arguments: tuple[str, ...], result: Result) -> Result:
    """Every command that succeeds names the next step."""
    is_named = "--json" in arguments or "Next: capsule" in result.err or "./taskw mail" in result.err
    assert result.exit_code != 0 or is_named, (arguments, result)
    return result


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest, whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """In a module with HAS_PROCESSES its commands are processes."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "work").mkdir()
    terminal = Home(whole.gateway, folder / "config", folder / "work", has_processes=getattr(request.module, "HAS_PROCESSES", False))
    terminal.email = f"ada-{secrets.token_hex(4)}@example.org"
    terminal.name = f"c{secrets.token_hex(4)}"
    terminal.call("register", "--email", terminal.email, "--password-stdin", stdin=PASSWORD)
    mail = until(lambda: mailbox.find_newest(whole.home, terminal.email), why="for the mail")
    link = mailbox.find_link(mail) if mail else None
    terminal.call("login", "--email", terminal.email, "--password-stdin", stdin=PASSWORD, code=5)
    assert_matches("VerifiedEmailView", terminal.call("verify", str(link), "--password-stdin", "--json", stdin=PASSWORD).document)
    terminal.call("login", "--email", terminal.email, "--password-stdin", stdin=PASSWORD)
    repository = whole.repository(f"cli-{secrets.token_hex(3)}", repositories.sample("hello"))
    created = terminal.call("apps", "create", terminal.name, repository.url, "--link", "--json").document
    assert_matches("CreatedApplicationView", created)
    yield terminal
    terminal.call("apps", "delete", "--app", terminal.name, "--yes")
    terminal.call("logout")
    terminal.call("whoami", code=3)


@pytest.fixture(scope="module")
def deployed(home: Home) -> Json:
    """The first deployment, of the application that capsule.toml names."""
    result = home.call("deploy", "--json")
    assert_matches("DeploymentView", result.document)
    assert result.err == ""
    return dict(result.document)
