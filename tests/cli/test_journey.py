"""The commands against a complete Capsule: what they print for people, and the JSON that scripts rely on.

The tests of each run call most commands within their process, those of the proof start processes.
"""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest

from knative.machine import mailbox, repositories
from tests.cli.schemas import assert_matches
from tests.cli.screen import use_shell
from tests.cli.terminal import Result, Terminal
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

PASSWORD = "correct horse battery staple"


@dataclass
class Home(Terminal):
    """A terminal of a signed-in user, in a folder with a capsule.toml."""

    email: str = ""
    name: str = ""

    def run(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Result:
        return _with_next_step(arguments, super().run(*arguments, stdin=stdin, code=code))

    def invoke(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Result:
        with chdir(self.cwd):
            return _with_next_step(arguments, super().invoke(*arguments, stdin=stdin, code=code))


def _with_next_step(arguments: tuple[str, ...], result: Result) -> Result:
    """Every command that succeeds names the next step."""
    is_named = "--json" in arguments or "Next: capsule" in result.err or "./taskw mail" in result.err
    assert result.exit_code != 0 or is_named, (arguments, result)
    return result


@pytest.fixture(scope="module")
def home(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "work").mkdir()
    terminal = Home(whole.gateway, folder / "config", folder / "work")
    terminal.email = f"ada-{secrets.token_hex(4)}@example.org"
    terminal.name = f"c{secrets.token_hex(4)}"
    terminal.invoke("register", "--email", terminal.email, "--password-stdin", stdin=PASSWORD)
    mail = until(lambda: mailbox.find_newest(whole.home, terminal.email), why="for the mail")
    link = mailbox.find_link(mail) if mail else None
    terminal.invoke("login", "--email", terminal.email, "--password-stdin", stdin=PASSWORD, code=5)
    assert_matches("VerifiedEmailView", terminal.invoke("verify", str(link), "--password-stdin", "--json", stdin=PASSWORD).document)
    terminal.invoke("login", "--email", terminal.email, "--password-stdin", stdin=PASSWORD)
    repository = whole.repository(f"cli-{secrets.token_hex(3)}", repositories.sample("hello"))
    created = terminal.invoke("apps", "create", terminal.name, repository.url, "--link", "--json").document
    assert_matches("CreatedApplicationView", created)
    yield terminal
    terminal.invoke("apps", "delete", "--app", terminal.name, "--yes")
    terminal.invoke("logout")
    terminal.invoke("whoami", code=3)


@pytest.fixture(scope="module")
def deployed(home: Home) -> Json:
    """The first deployment, of the application that capsule.toml names."""
    result = home.invoke("deploy", "--json")
    assert_matches("DeploymentView", result.document)
    assert result.err == ""
    return dict(result.document)


def test_whoami_shows_the_account(home: Home) -> None:
    assert_matches("ProfileView", home.invoke("whoami", "--json").document)
    assert home.email in home.invoke("whoami").out


def test_the_project_file_selects_the_application(home: Home) -> None:
    assert (home.cwd / "capsule.toml").read_text() == f'app = "{home.name}"\n'
    view = home.invoke("apps", "show", "--json").document
    assert_matches("ApplicationView", view)
    assert view["name"] == home.name
    assert home.invoke("apps", "show", view["id"], "--json").document["id"] == view["id"]
    assert home.invoke("apps", "show", view["id"][:18], "--json").document["id"] == view["id"]
    assert [each["name"] for each in home.invoke("apps", "list", "--json").document] == [home.name]


@proof("commands")
def test_link_selects_an_application_in_another_folder(home: Home, tmp_path: Path) -> None:
    other = Terminal(home.api, home.config, tmp_path)
    assert "capsule link NAME" in other.run("status", code=2).err
    other.run("link", home.name)
    assert other.run("apps", "show", "--json").document["name"] == home.name


def test_application_names_are_completed(home: Home) -> None:
    variables = {"_CAPSULE_COMPLETE": "complete_bash", "COMP_WORDS": f"capsule status --app {home.name[:3]}", "COMP_CWORD": "3"}
    shell = Terminal(home.api, home.config, home.cwd, variables)
    assert shell.run(code=None).out.split() == [home.name]


def test_a_missing_resource_ends_with_4(home: Home) -> None:
    assert "apps list" in home.invoke("apps", "show", "no-such-app", code=4).err
    error = home.invoke("status", "00000000-0000-7000-8000-000000000000", "--json", code=4).error
    assert error["type"] == "/problems/deployment-not-found" and error["exitCode"] == 4 and error["requestId"]
    home.invoke("open", "--env", "production", code=4)
    home.invoke("timeline", "no-such-request", code=4)


def test_invalid_input_ends_with_2_and_names_the_field(home: Home) -> None:
    result = home.invoke("apps", "create", "Not_A_Host", "http://example.org/x.git", "--verbose", code=2)
    assert "name:" in result.err and "request " in result.err
    assert "request " not in home.invoke("apps", "create", "Not_A_Host", "http://example.org/x.git", code=2).err


def test_a_taken_name_ends_with_5(home: Home) -> None:
    assert home.invoke("apps", "create", home.name, "http://samples.localhost/x.git", "--json", code=None).exit_code in (2, 5)


def test_a_deployed_application_answers_at_its_url(whole: Whole, home: Home, deployed: Json) -> None:
    assert home.invoke("open", "--json").document == {"url": deployed["url"]}
    assert whole.visit(deployed["url"]).text == "Hello from Capsule!\n"
    status = home.invoke("status").out
    assert deployed["url"] in status and "succeeded" in status and "r1 serving" in status
    assert_matches("DeploymentView", home.invoke("status", deployed["id"], "--json").document)
    assert "releasing" in home.invoke("status", deployed["id"]).out
    assert home.invoke("status", deployed["id"][:8], "--json").document["id"] == deployed["id"]
    both = home.invoke("status", "--json").document
    assert_matches("ApplicationView", both["application"])
    wait_for_disk_usage(home)
    assert [each["id"] for each in both["deployments"]] == [deployed["id"]]


def wait_for_disk_usage(home: Home) -> None:
    """Disk usage is reported a few seconds after a deployment."""

    def measured() -> Json | None:
        disk: Json | None = home.invoke("status", "--json").document["disk"]
        return disk if disk and disk["images"] else None

    disk = until(measured, every=1.0)
    assert_matches("DiskView", disk)
    assert disk["images"] == 1 and disk["imagesBytes"] > 0
    assert "disk   images 1, " in home.invoke("status").out


def test_logs_stream_until_ctrl_c(whole: Whole, home: Home, deployed: Json) -> None:
    lines = home.invoke("logs", "--build", "--json", "-n", "1000").out.splitlines()
    assert len(lines) > 3
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    whole.visit(deployed["url"], f"/{first}")
    following = home.start("logs", "-f", "--run", "-n", "100")
    home.read_until(following, first)
    whole.visit(deployed["url"], f"/{second}")
    home.read_until(following, second)
    assert home.interrupt(following).exit_code == 0
    lines = home.invoke("logs", "--search", second, "--json").out.splitlines()
    assert len(lines) == 1 and second in lines[0]


def test_a_failed_deployment_ends_with_1_and_its_reason(home: Home, deployed: Json) -> None:
    result = home.invoke("deploy", "--ref", "no-such-branch", code=1)
    assert "Deployment failed: ref-not-found" in result.err and "==> Cloning" in result.err and "capsule deploy --ref BRANCH" in result.err
    assert result.out == ""


@proof("commands")
def test_ctrl_c_leaves_the_deployment_running_and_names_the_commands_that_follow_it(home: Home, deployed: Json) -> None:
    process = home.start("deploy")
    home.read_until(process, "building", name="stderr")
    result = home.interrupt(process)
    assert result.exit_code == 130 and "continues in the background" in result.err and "capsule logs -f --deployment" in result.err

    def ended() -> str | None:
        newest = home.run("status", "--json").document["deployments"][0]
        return str(newest["status"]) if newest["finishedAt"] else None

    assert until(ended, 60, "for the deployment in the background", every=0.5) == "succeeded"


@proof("commands")
def test_detach_returns_before_the_deployment_ends(home: Home, deployed: Json) -> None:
    accepted = home.run("deploy", "--ref", "no-such-branch", "--detach", "--json").document
    assert_matches("DeploymentAccepted", accepted)
    until(lambda: home.run("status", accepted["id"], "--json").document["finishedAt"], 60, "for its end", every=0.5)


@proof("commands")
def test_a_variable_creates_a_release_that_can_be_rolled_back(home: Home, deployed: Json) -> None:
    assert_matches("ConfigurationView", home.run("env", "list", "--json").document)
    (home.cwd / ".env").write_text("# a comment\nexport COLOUR='blue'\n")
    changed = home.run("env", "set", "--file", ".env", "SIZE=7", "--no-deploy", "--json").document
    assert_matches("ConfigurationAccepted", changed)
    assert changed["deployments"] == []
    released = home.run("env", "set", "TOKEN=s3cret-value", "--secret", "--json").document
    assert_matches("DeploymentView", released)
    assert (released["cause"], released["status"]) == ("configuration", "succeeded")
    listed = home.run("env", "list").out
    assert "blue" in listed and "SIZE" in listed and "TOKEN" in listed and "s3cret-value" not in listed
    back = home.run("rollback", "--json").document
    assert back["cause"] == "rollback" and back["release"] < released["release"]
    releases = home.run("releases", "--json").document
    assert [each["number"] for each in releases if "staging" in each["servesIn"]] == [back["release"]]
    assert_matches("ReleaseView", home.run("releases", f"r{back['release']}", "--json").document)
    assert f"r{back['release']}" in home.run("releases").out


@proof("commands")
def test_a_repository_is_planned_before_it_is_an_application(whole: Whole, home: Home) -> None:
    files = {
        "requirements.txt": "flask==3.1.2\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n", ".env.example": "DATABASE_URL=postgres://x\n",
        ".python-version": "3.12\n",
    }  # fmt: skip
    repository = whole.repository("planned", files)
    document = home.run("plan", repository.url, "--json").document
    assert_matches("InspectionView", document)
    plan = document["plan"]
    assert (document["state"], plan["kind"], plan["toolchains"][0]["source"]) == ("succeeded", "python", ".python-version")
    assert plan["variables"][0]["name"] == "DATABASE_URL" and "app" in plan["start"]
    printed = home.run("plan", repository.url)
    assert "python" in printed.out and "DATABASE_URL" in printed.out and "capsule apps create" in printed.err + printed.out
    failed = home.run("plan", repository.url, "--branch", "nowhere", code=1)
    assert "nowhere" in failed.err
    until(lambda: "app-inspect-" not in whole.kubectl("get", "namespaces"), why="for the end of its namespaces")


@proof("commands")
def test_an_environment_is_restarted_stopped_and_started_and_runs_commands(whole: Whole, home: Home, deployed: Json) -> None:
    assert_matches(
        "ApplicationSettingsView", home.run("apps", "update", "--health-path", "/", "--port", "3000", "--branch", "main", "--json").document
    )
    view = home.run("apps", "show", "--json").document
    assert (view["healthPath"], view["port"]) == ("/", 3000)
    assert home.run("apps", "update", "--port", "").exit_code == 0
    assert home.run("apps", "show", "--json").document["port"] is None
    restarted = home.run("restart", "--json").document
    assert (restarted["cause"], restarted["status"]) == ("restart", "succeeded")
    assert_matches("RunningEnvironmentView", home.run("ps", "--json").document[0])

    def find_ready() -> list[Json]:
        assert whole.visit(deployed["url"]).text == "Hello from Capsule!\n"  # idle instances end
        instances = home.run("ps", "--json").document[0]["instances"]
        return [each for each in instances if each["state"] == "ready"]

    ready = until(find_ready, why="for a ready instance")
    assert ready[0]["restarts"] == 0 and "instance" in home.run("ps").out

    failed = home.run("run", "sh", "-c", "echo to stdout; echo to stderr >&2; exit 7", code=7)
    assert failed.out == "to stdout\n" and "to stderr\n" in failed.err and "exited with code 7" in failed.err
    reversed_input = home.run("run", "python -c 'import sys; sys.stdout.write(sys.stdin.read()[::-1])'", stdin="abc\n" * 20_000, code=None)
    assert reversed_input.exit_code == 0 and reversed_input.out == "\ncba" * 20_000
    use_shell(home)
    document = home.run("run", "--json", "pwd", code=0).document
    assert_matches("RunView", document)
    assert (document["status"], document["exitCode"], document["command"]) == ("succeeded", 0, "pwd")

    accepted = home.run("maintenance", "on", "--message", "Back soon.", "--retry-after", "60", "--json").document
    assert_matches("MaintenanceAccepted", accepted)
    until(lambda: whole.visit(deployed["url"]).status_code == 503, 60, "for the maintenance page")
    answer = whole.visit(deployed["url"])
    assert "Back soon." in answer.text and answer.headers["retry-after"] == "60" and "in maintenance" in home.run("status").out
    assert home.run("restart", "--json").document["status"] == "succeeded" and whole.visit(deployed["url"]).status_code == 503
    assert_matches("MaintenanceEndAccepted", home.run("maintenance", "off", "--json").document)
    until(lambda: whole.visit(deployed["url"]).status_code == 200, 60, "for the application")
    assert "has no maintenance" in home.run("maintenance", "off").out

    assert_matches("EnvironmentStopAccepted", home.run("stop", "--json").document)
    until(lambda: whole.visit(deployed["url"]).status_code == 503, 60, "for the stop")
    assert "is stopped" in whole.visit(deployed["url"]).text and "stopped" in home.run("ps").out
    assert "capsule start" in home.run("deploy", code=5).err
    started = home.run("start", "--json").document
    assert (started["cause"], started["status"]) == ("start", "succeeded")
    assert whole.visit(started["url"]).text == "Hello from Capsule!\n"
    assert "images" in home.run("disk").out or "not measured" in home.run("disk").out


def test_promote_deploys_the_same_release_to_production_without_a_build(whole: Whole, home: Home, deployed: Json) -> None:
    assert_matches("ScaleAccepted", home.invoke("scale", "--env", "production", "--observe", "0", "--json").document)
    promoted = home.invoke("promote", "--release", str(deployed["release"]), "--json").document
    assert (promoted["cause"], promoted["environment"], promoted["release"]) == ("promotion", "production", deployed["release"])
    assert "building" not in [step["step"] for step in promoted["steps"]]
    assert whole.visit(promoted["url"]).text == "Hello from Capsule!\n"
    assert_matches("EnvironmentView", home.invoke("environments", "list", "--json").document[0])


@proof("commands")
def test_a_plan_starts_after_its_payment(home: Home) -> None:
    assert_matches("PlanView", home.run("plans", "--json").document[0])
    declined = home.run("subscription", "change", "pro", "--payment-method", "pm_card_visa_chargeDeclined", code=5)
    assert "The payment failed" in declined.err
    assert_matches("SubscriptionView", home.run("subscription", "change", "pro", "--payment-method", "pm_card_visa", "--json").document)
    (invoice,) = [each for each in home.run("invoices", "list", "--json").document if each["status"] == "paid"]
    assert_matches("InvoiceView", home.run("invoices", "show", invoice["number"], "--json").document)
    saved = Path(home.cwd / home.run("invoices", "pdf", invoice["number"], "--json").document["path"])
    assert saved.read_bytes().startswith(b"%PDF-")
    assert_matches("CancellationView", home.run("subscription", "cancel", "--json").document)
    assert_matches("SubscriptionChangeView", home.run("subscription", "resume", "--json").document)


@proof("commands")
def test_alerts_are_listed_and_acknowledged(home: Home, deployed: Json) -> None:
    home.run("deploy", "--ref", "no-such-branch-either", code=1)

    def raised() -> list[Json]:
        return [each for each in home.run("alerts", "list", "--json").document if each["kind"] == "deployment-failed"]

    alert = until(raised, 120, "for the alert", every=0.5)[0]
    assert_matches("AlertView", alert)
    assert_matches("AcknowledgedAlertView", home.run("alerts", "ack", alert["id"], "--json").document)
    assert "acknowledged" in home.run("alerts", "list").out
    created = home.run("alert-rules", "create", "error-rate", "--threshold", "0.1", "--json").document
    rules = home.run("alert-rules", "list", "--json").document
    assert created["id"] in [each["id"] for each in rules]
    assert_matches("AlertRuleView", rules[0])
    assert "10 %" in home.run("alert-rules", "list").out
    home.run("alert-rules", "delete", created["id"])


@proof("commands")
def test_timeline_bill_usage_quota_and_metrics(whole: Whole, home: Home, deployed: Json) -> None:
    timeline = home.run("timeline", deployed["correlationId"], "--json").document
    assert_matches("TimelineView", timeline)
    assert "deploy.deploy" in home.run("timeline", deployed["correlationId"]).out
    whole.visit(deployed["url"])
    until(lambda: home.run("bill", "--json").document["lines"], 120, "for metered requests", every=1.0)  # a look starts a process
    assert_matches("BillView", home.run("bill", "--json").document)
    assert home.name in home.run("bill").out
    assert set(home.run("usage", "--json").document) == {"period", "charges", "lines"}
    assert "requests" in home.run("usage").out
    assert_matches("QuotaView", home.run("quota", "--json").document)
    measured = home.run("metrics", "--json").document
    assert_matches("MetricsView", measured)
    assert measured["total"]["requests"] >= 1 and "2xx" in home.run("metrics").out


@proof("commands")
def test_capsule_token_needs_no_stored_login(home: Home, tmp_path: Path) -> None:
    stored = json.loads((home.config / "credentials.json").read_text())["logins"][home.api]
    assert stored["expires_at"] > time.time()
    other = Terminal(home.api, tmp_path / "none", tmp_path, {"CAPSULE_TOKEN": stored["access_token"]})
    assert other.run("whoami", "--json").document["email"] == home.email
