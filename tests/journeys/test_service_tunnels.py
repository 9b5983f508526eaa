"""Shells and tunnels to data services of a whole Capsule, with the command as its user has it: psql, redis-cli, a client that is killed, a
session that ends."""

import json
import signal
from pathlib import Path

import psycopg
import pytest

from knative.machine import repositories
from tests.cli.terminal import Terminal
from tests.journeys.people import Person
from tests.journeys.test_data_services import finished
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

pytestmark = proof("data-services")
ROWS = 300_000


@pytest.fixture(scope="module")
def application(ada: Person) -> Json:
    """An application that was never deployed, with a database and a Redis."""
    application = ada.create(repositories.create(ada.whole.home, "shells", {"index.html": "x"}).url)
    for kind, name in (("postgres", "main"), ("redis", "cache")):
        accepted = ada.post(f"/v1/apps/{application['id']}/services", {"name": name, "kind": kind}, 202)
        finished(ada, accepted["operationId"])
    return application


@pytest.fixture
def terminal(ada: Person, tmp_path: Path) -> Terminal:
    return signed_in(ada, tmp_path)


def signed_in(person: Person, folder: Path) -> Terminal:
    (folder / "work").mkdir()
    terminal = Terminal(person.whole.gateway, folder / "config", folder / "work")
    terminal.run("login", "--email", person.email, "--password-stdin", stdin=person.password)
    return terminal


def test_psql_and_redis_cli_are_opened(terminal: Terminal, application: Json) -> None:
    app = ("--app", application["name"])
    assert terminal.run("services", "shell", "main", *app, "--", "-XAtc", "SELECT 6 * 7").out == "42\n"
    assert terminal.run("services", "shell", "main", *app, "--", "-Xc", "SELECT nonsense", code=1).err.startswith("ERROR:")
    rows = "".join(f"{number}\tvalue of {number}\n" for number in range(ROWS))
    script = f"CREATE TABLE big (n int, v text);\nCOPY big FROM stdin;\n{rows}\\.\nSELECT count(*) FROM big;\n"
    assert terminal.run("services", "shell", "main", *app, "--", "-XAtq", stdin=script).out == f"{ROWS}\n"
    assert terminal.run("services", "shell", "cache", *app, stdin="SET greeting hello\nGET greeting\n").out.split() == ["OK", "hello"]
    missing = Terminal(terminal.api, terminal.config, terminal.cwd, {"PATH": str(terminal.cwd)})
    refused = missing.run("services", "shell", "main", *app, code=6)
    assert "psql is not installed" in refused.err and "apt install postgresql-client" in refused.err


def test_a_killed_tunnel_takes_its_connections_with_it(ada: Person, terminal: Terminal, application: Json) -> None:
    process = terminal.start("services", "tunnel", "main", "--app", application["name"], "--show-password", "--json")
    assert process.stdout is not None
    url = str(json.loads(process.stdout.readline())["url"])
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE locked (n int)")
        connection.commit()
        connection.execute("LOCK TABLE locked")
        process.send_signal(signal.SIGKILL)
        process.wait()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    command = ("services", "shell", "main", "--app", application["name"], "--", "-XAtc", "ALTER TABLE locked ADD COLUMN m int")
    assert terminal.run(*command).out == "ALTER TABLE\n"


def test_the_end_of_the_session_ends_the_tunnel(ada: Person, application: Json, tmp_path: Path) -> None:
    terminal = signed_in(ada, tmp_path)
    process = terminal.start("services", "tunnel", "main", "--app", application["name"], "--show-password", "--json")
    assert process.stdout is not None
    url = str(json.loads(process.stdout.readline())["url"])
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        terminal.run("logout")
        assert process.wait(timeout=30) == 5
        assert process.stderr is not None and "session has ended" in process.stderr.read()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_opening_a_tunnel_is_in_the_audit_log(whole: Whole, ada: Person, application: Json) -> None:
    def entries() -> list[Json]:
        found: list[Json] = ada.get("/v1/audit?action=deploy.open_service_tunnel")["items"]
        return found

    newest = until(entries, why="for the audit log")[0]
    assert newest["outcome"] == "done" and newest["after"] in ({"service": "main"}, {"service": "cache"})
    assert newest["target"].startswith(f"apps/{application['id']}/services/")
