"""Configuration, promotion, observation, rollback and release phase on the one-machine Knative."""

import threading
import time

from kubernetes.client.exceptions import ApiException

from tests.builder.repositories import Repositories
from tests.deploy.process import DeployWorld, Developer, developer, hosts, repositories, worker, world
from tests.proof import proof
from tests.runtime.harness import until

pytestmark = proof("releases")
__all__ = ["developer", "hosts", "repositories", "worker", "world"]

APP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    visits = 0
    def do_GET(self):
        Handler.visits += self.path == "/visit"
        if LIVES and Handler.visits > LIVES:
            print("out of luck", flush=True)
            os._exit(3)
        self.send_response(200); self.end_headers()
        self.wfile.write(f"VERSION {os.environ.get('MODE')} {len(os.environ.get('KEY', ''))}".encode())
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def files(version: str, lives: int = 0) -> dict[str, str]:
    return {"requirements.txt": "", "main.py": APP.replace("VERSION", version).replace("LIVES", str(lives))}


class Poller:
    """A client that visits an application continuously and records each response that differs from the previous one."""

    def __init__(self, developer: Developer, url: str) -> None:
        self.responses: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, args=(developer, url))
        self._thread.start()

    def _poll(self, developer: Developer, url: str) -> None:
        while not self._stop.is_set():
            response = developer.get(url, "/visit")
            if not self.responses or self.responses[-1] != response:
                self.responses.append(response)
            time.sleep(0.1)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def test_a_release_is_configured_promoted_observed_and_rolled_back(developer: Developer, repositories: Repositories, world: DeployWorld) -> None:
    repository = repositories.create("life")
    repository.commit(files("one"))
    app = developer.create(repository)
    staging = developer.deploy(app)
    assert staging["summary"] == "r1 is serving."
    assert developer.get(staging["url"]) == "200 one None 0"

    # a changed configuration creates a release of the same image
    configuration = {"variables": {"MODE": "test $(PORT) $HOME"}, "secrets": {"KEY": world.sealed("hush!")}}
    status, changed = developer.send("configure_environment", applicationId=app, environment="staging", **configuration)
    assert (status, changed["version"]) == (202, 1), changed
    configured = developer.wait_for_end(app, changed["deployments"][0]["id"])
    assert (configured["status"], configured["release"], configured["cause"]) == ("succeeded", 2, "configuration"), configured
    until(lambda: developer.get(staging["url"]) == "200 one test $(PORT) $HOME 5", 20, "for the configured revision")
    stored = world.rows("SELECT value, sealed FROM config_entries WHERE name = 'KEY'")
    assert "hush!" not in str(stored)
    assert str(stored[0][1]).startswith("sealed:")
    _, view = developer.send("environment_configuration", applicationId=app, environment="staging")
    assert [(each["name"], each["value"], each["secret"]) for each in view["entries"]] == [
        ("KEY", None, True),
        ("MODE", configuration["variables"]["MODE"], False),
    ]

    # production gets the same image with its own configuration, and observes it
    assert developer.send("configure_environment", applicationId=app, environment="production", variables={"MODE": "live"})[0] == 202
    assert developer.send("scale_environment", applicationId=app, environment="production", observationSeconds=7, memoryMib=128)[0] == 202
    promoted = developer.run_deployment("promote", app, **{"from": "staging", "to": "production"})
    assert (promoted["status"], promoted["release"], [step["step"] for step in promoted["steps"]]) == ("succeeded", 3, ["releasing", "observing"])
    assert developer.get(promoted["url"]) == "200 one live 0"
    _, releases = developer.send("releases", applicationId=app)
    assert len({each["image"] for each in releases["items"]}) == 1
    assert [(each["number"], each["servesIn"]) for each in releases["items"]] == [(3, ["production"]), (2, ["staging"]), (1, [])]

    # a release becomes ready, takes the traffic and crashes: clients see it, then the previous one again
    repository.commit(files("two", lives=6))
    poller = Poller(developer, promoted["url"])
    rolled_back = developer.deploy(app, "production")
    until(lambda: poller.responses[-1] == "200 one live 0", 20, "for the previous release to serve")
    poller.stop()
    assert (rolled_back["status"], rolled_back["reason"], rolled_back["rolledBackTo"]) == ("rolled-back", "crashes", 3), rolled_back
    assert rolled_back["summary"].startswith("r4 rolled back; r3 is serving again. Process exited with code 3"), rolled_back
    assert "out of luck" in rolled_back["detail"]
    first, *middle, last = poller.responses
    assert first == last == "200 one live 0"
    assert "200 two live 0" in middle, poller.responses
    assert {each[:3] for each in middle} <= {"200", "502", "503"}, poller.responses

    # a requested rollback
    repository.commit(files("three"))
    assert developer.deploy(app)["status"] == "succeeded"
    rolled = developer.run_deployment("roll_back", app, environment="staging")
    assert (rolled["status"], rolled["cause"], rolled["release"]) == ("succeeded", "rollback", 2), rolled
    until(lambda: developer.get(staging["url"]) == "200 one test $(PORT) $HOME 5", 20, "for the previous release")

    assert world.count("dead_letters") == 0, world.rows("SELECT function, error, detail FROM dead_letters")


def test_a_failed_release_command_blocks_the_traffic_and_a_deployment_can_be_cancelled(
    developer: Developer, repositories: Repositories, world: DeployWorld
) -> None:
    repository = repositories.create("before")
    repository.commit(files("one"))
    app = developer.create(repository)
    status, changed = developer.send(
        "change_application", applicationId=app, healthPath="/healthy", releaseCommand="echo migrating $MODE; test $MODE = good"
    )
    assert (status, changed["healthPath"]) == (200, "/healthy")
    assert developer.send("configure_environment", applicationId=app, environment="staging", variables={"MODE": "bad"})[0] == 202
    failed = developer.deploy(app)
    assert (failed["status"], failed["reason"], [step["step"] for step in failed["steps"]][-1]) == ("failed", "release-phase-failed", "preparing"), (
        failed
    )
    assert "migrating bad" in failed["detail"]
    name = developer.send("application", applicationId=app)[1]["name"]
    assert not serving(world, name), "it took traffic"

    assert developer.send("configure_environment", applicationId=app, environment="staging", variables={"MODE": "good"})[0] == 202
    done = developer.deploy(app)
    steps = [step["step"] for step in done["steps"]]
    assert (done["status"], steps) == ("succeeded", ["requested", "building", "preparing", "releasing", "observing"]), done
    assert developer.get(done["url"]) == "200 one good 0"

    status, requested = developer.send("deploy", applicationId=app, environment="staging")
    assert status == 202
    assert developer.send("cancel_deployment", applicationId=app, deploymentId=requested["id"])[0] == 202
    cancelled = developer.wait_for_end(app, requested["id"])
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "cancelled")
    assert developer.get(done["url"]) == "200 one good 0"
    assert developer.send("cancel_deployment", applicationId=app, deploymentId=requested["id"])[0] == 409

    assert developer.send("delete_environment", applicationId=app, environment="staging")[0] == 202
    until(lambda: not serving(world, name), 30, "for the environment to go")
    assert developer.send("deploy", applicationId=app, environment="staging")[0] == 404


def serving(world: DeployWorld, name: str) -> bool:
    try:
        world.machine.get("services", f"app-{name}", f"{name}-staging")
    except ApiException as missing:
        assert missing.status == 404, missing
        return False
    return True
