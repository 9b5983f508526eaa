"""The main commands against a complete Capsule: what they print for people, and the JSON that scripts rely on.

Most are called within the process of the test. `test_commands_journey` starts processes.
"""

import secrets

from tests.cli.schemas import assert_matches
from tests.cli.signed_in_home import Home, deployed, home
from tests.cli.terminal import Terminal
from tests.journeys.whole import Json, Whole, until

__all__ = ["deployed", "home"]


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


def test_promote_deploys_the_same_release_to_production_without_a_build(whole: Whole, home: Home, deployed: Json) -> None:
    assert_matches("ScaleAccepted", home.invoke("scale", "--env", "production", "--observe", "0", "--json").document)
    promoted = home.invoke("promote", "--release", str(deployed["release"]), "--json").document
    assert (promoted["cause"], promoted["environment"], promoted["release"]) == ("promotion", "production", deployed["release"])
    assert "building" not in [step["step"] for step in promoted["steps"]]
    assert whole.visit(promoted["url"]).text == "Hello from Capsule!\n"
    assert_matches("EnvironmentView", home.invoke("environments", "list", "--json").document[0])
