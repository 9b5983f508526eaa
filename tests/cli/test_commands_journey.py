"""Commands as processes against a complete Capsule: what they print for people, and the JSON that scripts rely on."""

import json
import time
from pathlib import Path

from tests.cli.schemas import assert_matches
from tests.cli.screen import use_shell
from tests.cli.signed_in_home import Home, deployed, home
from tests.cli.terminal import Terminal
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

__all__ = ["deployed", "home"]

pytestmark = proof("commands")
HAS_PROCESSES = True


def test_processes_end_with_the_codes_of_their_errors(home: Home, deployed: Json) -> None:
    assert home.run("open", "--json").document == {"url": deployed["url"]}
    assert deployed["url"] in home.run("status").out and len(home.run("logs", "--build", "--json").out.splitlines()) > 3
    assert "apps list" in home.run("apps", "show", "no-such-app", code=4).err
    assert "name:" in home.run("apps", "create", "Not_A_Host", "http://example.org/x.git", code=2).err
    assert "Deployment failed: ref-not-found" in home.run("deploy", "--ref", "no-such-branch", code=1).err
    assert_matches("ScaleAccepted", home.run("scale", "--env", "production", "--observe", "0", "--json").document)
    assert home.run("promote", "--release", str(deployed["release"]), "--json").document["cause"] == "promotion"


def test_link_selects_an_application_in_another_folder(home: Home, tmp_path: Path) -> None:
    other = Terminal(home.api, home.config, tmp_path)
    assert "capsule link NAME" in other.run("status", code=2).err
    other.run("link", home.name)
    assert other.run("apps", "show", "--json").document["name"] == home.name


def test_ctrl_c_leaves_the_deployment_running_and_names_the_commands_that_follow_it(home: Home, deployed: Json) -> None:
    process = home.start("deploy")
    home.read_until(process, "building", name="stderr")
    result = home.interrupt(process)
    assert result.exit_code == 130 and "continues in the background" in result.err and "capsule logs -f --deployment" in result.err

    def ended() -> str | None:
        newest = home.run("status", "--json").document["deployments"][0]
        return str(newest["status"]) if newest["finishedAt"] else None

    assert until(ended, 60, "for the deployment in the background", every=0.5) == "succeeded"


def test_detach_returns_before_the_deployment_ends(home: Home, deployed: Json) -> None:
    accepted = home.run("deploy", "--ref", "no-such-branch", "--detach", "--json").document
    assert_matches("DeploymentAccepted", accepted)
    until(lambda: home.run("status", accepted["id"], "--json").document["finishedAt"], 60, "for its end", every=0.5)


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


def test_capsule_token_needs_no_stored_login(home: Home, tmp_path: Path) -> None:
    stored = json.loads((home.config / "credentials.json").read_text())["logins"][home.api]
    assert stored["expires_at"] > time.time()
    other = Terminal(home.api, tmp_path / "none", tmp_path, {"CAPSULE_TOKEN": stored["access_token"]})
    assert other.run("whoami", "--json").document["email"] == home.email
