"""What a release can go through, on the one-machine Knative: promoted, configured, observed and taken back, prepared, gone back to."""

import threading
import time

from kubernetes.client.exceptions import ApiException

from tests.builder.repositories import Repositories
from tests.deploy.process import DeployWorld, Developer, developer, repositories, worker, world
from tests.runtime.harness import until

__all__ = ["developer", "repositories", "worker", "world"]

APP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        if LIVES and Handler.asked > LIVES and self.path != "/healthy":
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
    """A client that asks all the time, and notes each answer that differs from the one before."""

    def __init__(self, developer: Developer, url: str) -> None:
        self.seen: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, args=(developer, url))
        self._thread.start()

    def _poll(self, developer: Developer, url: str) -> None:
        while not self._stop.is_set():
            answer = developer.get(url)
            if not self.seen or self.seen[-1] != answer:
                self.seen.append(answer)
            time.sleep(0.1)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def test_a_release_goes_through_its_life(developer: Developer, repositories: Repositories, world: DeployWorld) -> None:
    repository = repositories.create("life")
    repository.commit(files("one"))
    app = developer.create(repository)
    staging = developer.deployed(app)
    assert staging["summary"] == "succeeded: r1 serves"
    assert developer.get(staging["url"]) == "200 one None 0"

    # a configuration is a release of the same image
    said = {"variables": {"MODE": "test $(PORT) $HOME"}, "secrets": {"KEY": world.sealed("hush!")}}
    status, changed = developer.ask("configure_environment", applicationId=app, environment="staging", **said)
    assert (status, changed["version"]) == (202, 1), changed
    configured = developer.ended(app, changed["deployments"][0]["id"])
    assert (configured["status"], configured["release"], configured["cause"]) == ("succeeded", 2, "configuration"), configured
    until(lambda: developer.get(staging["url"]) == "200 one test $(PORT) $HOME 5", 20, "for the configured revision")
    stored = world.rows("SELECT value, sealed FROM config_entries WHERE name = 'KEY'")
    assert "hush!" not in str(stored)
    assert str(stored[0][1]).startswith("sealed:")
    _, shown = developer.ask("environment_configuration", applicationId=app, environment="staging")
    assert [(each["name"], each["value"], each["secret"]) for each in shown["entries"]] == [
        ("KEY", None, True),
        ("MODE", said["variables"]["MODE"], False),
    ]

    # production gets the image and its own configuration, and watches it
    assert developer.ask("configure_environment", applicationId=app, environment="production", variables={"MODE": "live"})[0] == 202
    assert developer.ask("scale_environment", applicationId=app, environment="production", observationSeconds=7, memoryMib=128)[0] == 202
    promoted = developer.done("promote", app, **{"from": "staging", "to": "production"})
    assert (promoted["status"], promoted["release"], [step["step"] for step in promoted["steps"]]) == ("succeeded", 3, ["releasing", "observing"])
    assert developer.get(promoted["url"]) == "200 one live 0"
    _, releases = developer.ask("releases", applicationId=app)
    assert len({each["image"] for each in releases["items"]}) == 1
    assert [(each["number"], each["servesIn"]) for each in releases["items"]] == [(3, ["production"]), (2, ["staging"]), (1, [])]

    # one that becomes ready, takes the traffic and fails: a client sees it, and then the one before again
    repository.commit(files("two", lives=15))
    poller = Poller(developer, promoted["url"])
    back = developer.deployed(app, "production")
    until(lambda: poller.seen[-1] == "200 one live 0", 20, "for the release before to serve")
    poller.stop()
    assert (back["status"], back["reason"], back["rolledBackTo"]) == ("rolled-back", "crashes", 3), back
    assert back["summary"].startswith("failed, rolled back to r3: The application ended with code 3"), back
    assert "out of luck" in back["detail"]
    first, *middle, last = poller.seen
    assert first == last == "200 one live 0"
    assert "200 two live 0" in middle, poller.seen
    assert {each[:3] for each in middle} <= {"200", "502", "503"}, poller.seen

    # back to what served before, asked for
    repository.commit(files("three"))
    assert developer.deployed(app)["status"] == "succeeded"
    rolled = developer.done("roll_back", app, environment="staging")
    assert (rolled["status"], rolled["cause"], rolled["release"]) == ("succeeded", "rollback", 2), rolled
    until(lambda: developer.get(staging["url"]) == "200 one test $(PORT) $HOME 5", 20, "for the release before")

    assert world.count("dead_letters") == 0, world.rows("SELECT function, error, detail FROM dead_letters")


def test_what_runs_before_the_traffic_blocks_it_and_a_deployment_can_be_given_up(
    developer: Developer, repositories: Repositories, world: DeployWorld
) -> None:
    repository = repositories.create("before")
    repository.commit(files("one"))
    app = developer.create(repository)
    status, changed = developer.ask(
        "change_application", applicationId=app, healthPath="/healthy", releaseCommand="echo migrating $MODE; test $MODE = good"
    )
    assert (status, changed["healthPath"]) == (200, "/healthy")
    assert developer.ask("configure_environment", applicationId=app, environment="staging", variables={"MODE": "bad"})[0] == 202
    failed = developer.deployed(app)
    assert (failed["status"], failed["reason"], [step["step"] for step in failed["steps"]][-1]) == ("failed", "release-phase-failed", "preparing"), (
        failed
    )
    assert "migrating bad" in failed["detail"]
    name = developer.ask("application", applicationId=app)[1]["name"]
    assert not serving(world, name), "it took traffic"

    assert developer.ask("configure_environment", applicationId=app, environment="staging", variables={"MODE": "good"})[0] == 202
    done = developer.deployed(app)
    assert (done["status"], [step["step"] for step in done["steps"]]) == ("succeeded", ["requested", "building", "preparing", "releasing"]), done
    assert developer.get(done["url"]) == "200 one good 0"

    status, requested = developer.ask("deploy", applicationId=app, environment="staging")
    assert status == 202
    assert developer.ask("cancel_deployment", applicationId=app, deploymentId=requested["id"])[0] == 202
    ended = developer.ended(app, requested["id"])
    assert (ended["status"], ended["reason"]) == ("cancelled", "cancelled")
    assert developer.get(done["url"]) == "200 one good 0"
    assert developer.ask("cancel_deployment", applicationId=app, deploymentId=requested["id"])[0] == 409

    assert developer.ask("delete_environment", applicationId=app, environment="staging")[0] == 202
    until(lambda: not serving(world, name), 30, "for the environment to go")
    assert developer.ask("deploy", applicationId=app, environment="staging")[0] == 404


def serving(world: DeployWorld, name: str) -> bool:
    try:
        world.machine.get("services", f"app-{name}", f"{name}-staging")
    except ApiException as missing:
        assert missing.status == 404, missing
        return False
    return True
