"""The main job at a terminal, against a whole Capsule: every command, what it prints for people and what it promises to scripts."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from knative.machine import repositories
from knative.machine.demo import mailbox
from tests.cli.schemas import must_be
from tests.cli.terminal import Terminal
from tests.journeys.whole import Json, Whole, until

PASSWORD = "correct horse battery staple"


@dataclass
class Home(Terminal):
    """A terminal whose person has an account, and a folder with a capsule.toml."""

    email: str = ""
    name: str = ""


@pytest.fixture(scope="module")
def home(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "work").mkdir()
    made = Home(whole.gateway, folder / "config", folder / "work")
    made.email = f"ada-{secrets.token_hex(4)}@example.org"
    made.name = f"c{secrets.token_hex(4)}"
    made.run("register", "--email", made.email, "--password-stdin", typed=PASSWORD)
    mail = until(lambda: mailbox.newest_to(whole.home, made.email), why="for the mail")
    link = mailbox.link_in(mail) if mail else None
    made.run("login", "--email", made.email, "--password-stdin", typed=PASSWORD, code=5)
    must_be("Verified", made.run("verify", str(link), "--json").document)
    made.run("login", "--email", made.email, "--password-stdin", typed=PASSWORD)
    repository = whole.repository(f"cli-{secrets.token_hex(3)}", repositories.sample("hello"))
    created = made.run("apps", "create", made.name, repository.url, "--save", "--json").document
    must_be("CreatedApplicationView", created)
    yield made
    made.run("delete", made.name, "--yes")
    made.run("logout")
    made.run("whoami", code=3)


@pytest.fixture(scope="module")
def deployed(home: Home) -> Json:
    """By the application's name in capsule.toml; the build's lines come on standard error."""
    done = home.run("deploy", "--json")
    must_be("DeploymentView", done.document)
    assert done.err == ""
    return dict(done.document)


def test_the_account(home: Home) -> None:
    must_be("Profile", home.run("whoami", "--json").document)
    assert home.email in home.run("whoami").out


def test_the_file_in_the_folder_names_the_application(home: Home) -> None:
    assert (home.cwd / "capsule.toml").read_text() == f'app = "{home.name}"\n'
    shown = home.run("apps", "show", "--json").document
    must_be("ApplicationView", shown)
    assert shown["name"] == home.name
    assert home.run("apps", "show", shown["id"], "--json").document["id"] == shown["id"]
    assert [each["name"] for each in home.run("apps", "list", "--json").document] == [home.name]


def test_names_are_completed(home: Home) -> None:
    words = {"_CAPSULE_COMPLETE": "complete_bash", "COMP_WORDS": f"capsule status --app {home.name[:3]}", "COMP_CWORD": "3"}
    asked = Terminal(home.api, home.config, home.cwd, words)
    assert asked.run(code=None).out.split() == [home.name]


def test_what_is_not_there_is_4(home: Home) -> None:
    assert "apps list" in home.run("apps", "show", "no-such-app", code=4).err
    gone = home.run("status", "00000000-0000-7000-8000-000000000000", "--json", code=4).error
    assert gone["type"] == "/problems/deployment-not-found" and gone["exitCode"] == 4 and gone["requestId"]
    home.run("open", "--env", "production", code=4)
    home.run("timeline", "no-such-request", code=4)


def test_what_is_not_acceptable_is_2_and_says_which_field(home: Home) -> None:
    done = home.run("apps", "create", "Not_A_Host", "http://example.org/x.git", code=2)
    assert "name:" in done.err and "request " in done.err


def test_what_is_taken_is_5(home: Home) -> None:
    assert home.run("apps", "create", home.name, "http://samples.localhost/x.git", "--json", code=None).code in (2, 5)


def test_the_url_answers(whole: Whole, home: Home, deployed: Json) -> None:
    assert home.run("open", "--json").document == {"url": deployed["url"]}
    assert whole.visit(deployed["url"]).text == "Hello from Capsule!\n"
    said = home.run("status").out
    assert deployed["url"] in said and "succeeded" in said
    must_be("DeploymentView", home.run("status", deployed["id"], "--json").document)
    assert "releasing" in home.run("status", deployed["id"]).out
    both = home.run("status", "--json").document
    must_be("ApplicationView", both["application"])
    until_measured(home)
    assert [each["id"] for each in both["deployments"]] == [deployed["id"]]


def until_measured(home: Home) -> None:
    """Of the disk: what the deployment made is reported a few seconds later."""

    def look() -> Json | None:
        disk: Json | None = home.run("status", "--json").document["disk"]
        return disk if disk and disk["images"] else None

    disk = until(look, every=1.0)
    must_be("DiskView", disk)
    assert disk["images"] == 1 and disk["imagesBytes"] > 0
    assert "disk   images 1, " in home.run("status").out


def test_logs_are_followed_until_ctrl_c(whole: Whole, home: Home, deployed: Json) -> None:
    lines = home.run("logs", "--build", "--json", "-n", "1000").out.splitlines()
    assert len(lines) > 3
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    whole.visit(deployed["url"], f"/{first}")
    following = home.begin("logs", "-f", "--run", "-n", "100")
    home.read_until(following, first)
    whole.visit(deployed["url"], f"/{second}")
    home.read_until(following, second)
    assert home.interrupt(following).code == 0
    found = home.run("logs", "--search", second, "--json").out.splitlines()
    assert len(found) == 1 and second in found[0]


def test_a_failure_is_1_with_its_reason(home: Home, deployed: Json) -> None:
    done = home.run("deploy", "--ref", "no-such-branch", code=1)
    assert "The deployment failed: ref-not-found" in done.err and "==> Cloning" in done.err and "capsule logs" in done.err
    assert done.out == ""


def test_ctrl_c_leaves_the_deployment_running_and_says_how_to_follow_it(home: Home, deployed: Json) -> None:
    process = home.begin("deploy")
    home.read_until(process, "building", of="stderr")
    done = home.interrupt(process)
    assert done.code == 130 and "goes on" in done.err and "capsule logs -f --deployment" in done.err

    def ended() -> str | None:
        newest = home.run("status", "--json").document["deployments"][0]
        return str(newest["status"]) if newest["finishedAt"] else None

    assert until(ended, 60, "for the deployment that nobody watches", every=0.5) == "succeeded"


def test_detached_it_says_how_to_follow(home: Home, deployed: Json) -> None:
    asked = home.run("deploy", "--ref", "no-such-branch", "--detach", "--json").document
    must_be("DeploymentAccepted", asked)
    until(lambda: home.run("status", asked["id"], "--json").document["finishedAt"], 60, "for its end", every=0.5)


def test_a_setting_is_a_release_and_the_one_before_can_run_again(home: Home, deployed: Json) -> None:
    must_be("ConfigurationView", home.run("env", "list", "--json").document)
    (home.cwd / ".env").write_text("# a comment\nexport COLOUR='blue'\n")
    done = home.run("env", "set", "--file", ".env", "SIZE=7", "--no-deploy", "--json").document
    must_be("ConfigurationAccepted", done)
    assert done["deployments"] == []
    released = home.run("env", "set", "TOKEN=s3cret-value", "--secret", "--json").document
    must_be("DeploymentView", released)
    assert (released["cause"], released["status"]) == ("configuration", "succeeded")
    listed = home.run("env", "list").out
    assert "blue" in listed and "SIZE" in listed and "TOKEN" in listed and "s3cret-value" not in listed
    back = home.run("rollback", "--json").document
    assert back["cause"] == "rollback" and back["release"] < released["release"]
    releases = home.run("releases", "--json").document
    assert [each["number"] for each in releases if "staging" in each["servesIn"]] == [back["release"]]
    must_be("ReleaseView", home.run("releases", str(back["release"]), "--json").document)
    assert f"r{back['release']}" in home.run("releases").out


def test_production_has_the_same_release_without_a_build(whole: Whole, home: Home, deployed: Json) -> None:
    must_be("ScaleAccepted", home.run("scale", "--env", "production", "--observe", "0", "--json").document)
    promoted = home.run("promote", "--release", str(deployed["release"]), "--json").document
    assert (promoted["cause"], promoted["environment"], promoted["release"]) == ("promotion", "production", deployed["release"])
    assert "building" not in [step["step"] for step in promoted["steps"]]
    assert whole.visit(promoted["url"]).text == "Hello from Capsule!\n"
    must_be("EnvironmentView", home.run("environments", "list", "--json").document[0])


def test_a_plan_is_paid_for(home: Home) -> None:
    must_be("PlanView", home.run("plans", "--json").document[0])
    declined = home.run("subscribe", "pro", "--payment-method", "pm_card_visa_chargeDeclined", code=5)
    assert "The payment failed" in declined.err
    must_be("SubscriptionView", home.run("subscribe", "pro", "--payment-method", "pm_card_visa", "--json").document)
    (invoice,) = [each for each in home.run("invoices", "list", "--json").document if each["status"] == "paid"]
    must_be("InvoiceView", home.run("invoices", "show", invoice["number"], "--json").document)
    saved = Path(home.cwd / home.run("invoices", "pdf", invoice["number"], "--json").document["path"])
    assert saved.read_bytes().startswith(b"%PDF-")
    must_be("ChangeAccepted", home.run("unsubscribe", "--json").document)
    must_be("ChangeAccepted", home.run("resume", "--json").document)


def test_alerts_are_listed_and_acknowledged(home: Home, deployed: Json) -> None:
    home.run("deploy", "--ref", "no-such-branch-either", code=1)

    def raised() -> list[Json]:
        return [each for each in home.run("alerts", "list", "--json").document if each["kind"] == "deployment-failed"]

    alert = until(raised, 120, "for the alert", every=0.5)[0]
    must_be("ShownAlert", alert)
    must_be("AcknowledgedAlert", home.run("alerts", "ack", alert["id"], "--json").document)
    assert "acknowledged" in home.run("alerts", "list").out
    created = home.run("alert-rules", "add", "error-rate", "--threshold", "0.1", "--json").document
    rules = home.run("alert-rules", "list", "--json").document
    assert created["id"] in [each["id"] for each in rules]
    must_be("AlertRuleView", rules[0])
    assert "10 %" in home.run("alert-rules", "list").out
    home.run("alert-rules", "remove", created["id"])


def test_what_happened_and_what_it_costs(whole: Whole, home: Home, deployed: Json) -> None:
    timeline = home.run("timeline", deployed["correlationId"], "--json").document
    must_be("TimelineView", timeline)
    assert "deploy.deploy" in home.run("timeline", deployed["correlationId"]).out
    whole.visit(deployed["url"])
    until(lambda: home.run("invoice", "--json").document["lines"], 120, "for metered requests", every=0.5)
    must_be("BillView", home.run("invoice", "--json").document)
    assert home.name in home.run("invoice").out
    assert set(home.run("usage", "--json").document) == {"period", "charges", "lines"}
    assert "requests" in home.run("usage").out
    must_be("Quota", home.run("quota", "--json").document)
    measured = home.run("metrics", "--json").document
    must_be("MetricsView", measured)
    assert measured["total"]["requests"] >= 1 and "2xx" in home.run("metrics").out


def test_a_token_of_the_environment_needs_no_file(home: Home, tmp_path: Path) -> None:
    kept = json.loads((home.config / "credentials.json").read_text())["logins"][home.api]
    assert kept["expires_at"] > time.time()
    other = Terminal(home.api, tmp_path / "none", tmp_path, {"CAPSULE_TOKEN": kept["access_token"]})
    assert other.run("whoami", "--json").document["email"] == home.email
