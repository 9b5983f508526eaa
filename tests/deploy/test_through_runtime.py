"""The deploy context as it runs: from a git repository to a URL, and what is left when something on the way fails."""

import signal
import uuid

from kubernetes.client.exceptions import ApiException

from tests.builder.repositories import Repositories
from tests.deploy.process import DeployWorld, Developer, developer, files, repositories, worker, world
from tests.runtime.harness import Worker, until

__all__ = ["developer", "repositories", "worker", "world"]


def test_a_repository_becomes_a_url_and_a_broken_commit_leaves_it_so(
    developer: Developer, repositories: Repositories, world: DeployWorld, worker: Worker
) -> None:
    assert developer.ask("quota")[1]["applications"]["used"] == 0
    repository = repositories.create("journey")
    first = repository.commit(files("one"))
    application = developer.create(repository)

    done = developer.deployed(application)
    assert (done["status"], done["commit"], done["release"]) == ("succeeded", first, 1), done
    assert [step["step"] for step in done["steps"]] == ["requested", "building", "releasing"]
    assert all(step["finishedAt"] for step in done["steps"])
    assert developer.get(done["url"]) == "200 one"

    repository.commit({"README.md": "nothing to run"})
    failed = developer.deployed(application)
    assert (failed["status"], failed["reason"], failed["release"]) == ("failed", "not-recognized", None)
    assert developer.get(done["url"]) == "200 one"

    repository.commit({"Procfile": "web: python main.py", "main.py": "raise SystemExit('no settings')"})
    failed = developer.deployed(application)
    assert (failed["status"], failed["reason"]) == ("failed", "exits-at-start"), failed
    assert developer.get(done["url"]) == "200 one"
    name = developer.ask("application", applicationId=application)[1]["name"]
    put_back = until(lambda: _release_of(world, name) == "r1", 20, "for the last good release to be put back")
    assert put_back

    repository.commit(files("two"))
    again = developer.deployed(application)
    assert (again["status"], again["release"]) == ("succeeded", 3), again
    until(lambda: developer.get(done["url"]) == "200 two", 20, "for the traffic to move")
    old = developer.deployed(application, ref=first)
    assert (old["status"], old["commit"]) == ("succeeded", first)

    shown = developer.ask("application", applicationId=application)[1]
    assert [(each["name"], each["release"], each["commit"]) for each in shown["environments"]] == [("staging", 4, first)]
    assert [each["status"] for each in developer.ask("deployments", applicationId=application)[1]["items"]] == [
        "succeeded", "succeeded", "failed", "failed", "succeeded"
    ]  # fmt: skip
    facts = [headers["type"] for headers, _ in iter(lambda: world.take("events") or ({}, b""), ({}, b""))]
    assert {"quota.granted", "application.created", "deployment.requested", "build.succeeded", "build.failed"} <= set(facts)
    assert (facts.count("deployment.succeeded"), facts.count("deployment.failed")) == (3, 2)

    assert developer.ask("delete_application", applicationId=application)[0] == 202
    assert developer.ask("application", applicationId=application)[0] == 404
    until(lambda: world.count("applications WHERE id = %s AND status = 'deleted'", application), 30, "for the namespace to go")
    assert f"app-{name}" not in [each.metadata.name for each in world.machine.core.list_namespace().items]
    assert developer.ask("quota")[1]["applications"]["used"] == 0
    assert world.count("dead_letters") == 0, world.rows("SELECT function, error, detail FROM dead_letters")
    assert not [line for line in worker.lines() if line.get("level") == "ERROR"], worker.log.read_text()


def _release_of(world: DeployWorld, name: str) -> str:
    service = world.machine.get("services", f"app-{name}", f"{name}-staging")
    return str(service["spec"]["template"]["metadata"]["annotations"]["capsule.dev/release"])


def test_refusals_are_answers(developer: Developer, repositories: Repositories) -> None:
    repository = repositories.create("refused")
    status, problem = developer.ask("create_application", name="Not A Name", repository=repository.url)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/name")
    status, problem = developer.ask("create_application", name="inside", repository="http://127.0.0.1:1/x")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/repository")
    status, problem = developer.ask("create_application", name="x", repository=repository.url, owner="me")
    assert status == 422, "unknown fields are refused"
    application = developer.create(repository)
    stranger = Developer(developer.world, developer.worker, uuid.uuid4())
    for function, more in (("application", {}), ("deployments", {}), ("deploy", {"environment": "staging"}), ("delete_application", {})):
        assert stranger.ask(function, applicationId=application, **more)[0] == 404
    assert developer.ask("deploy", applicationId=application, environment="moon")[0] == 404
    assert developer.ask("deploy", applicationId=application, environment="staging", ref="--upload-pack=x")[0] == 422


def test_a_second_deployment_at_once_is_refused(developer: Developer, repositories: Repositories) -> None:
    repository = repositories.create("twice")
    repository.commit(files("one"))
    application = developer.create(repository)
    assert developer.ask("deploy", applicationId=application, environment="staging")[0] == 202
    status, problem = developer.ask("deploy", applicationId=application, environment="staging")
    assert (status, problem["type"].rpartition("/")[2]) == (409, "deployment-in-progress")


def test_health_tells_of_the_database(developer: Developer) -> None:
    status, health = developer.ask("health")
    assert (status, health["status"], health["service"], health["metadata"]["database"]["connected"]) == (200, "healthy", "deploy-service", True)
    assert health["metadata"]["memory"]["unit"] == "MB"


def test_a_machine_that_is_killed_in_the_middle_of_a_build_comes_back_and_the_deployment_ends_as_it_should(
    developer: Developer, repositories: Repositories, world: DeployWorld
) -> None:
    repository = repositories.create("killed")
    slow = "import time\nfrom setuptools import setup\ntime.sleep(5)\nsetup(name='slow', version='1', py_modules=[])\n"
    project = '[project]\nname = "slow"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    repository.commit({**files("survivor"), "pyproject.toml": project, "setup.py": slow, "requirements.txt": "./\n"})
    application = developer.create(repository)
    status, requested = developer.ask("deploy", applicationId=application, environment="staging")
    assert status == 202
    namespace = f"app-{developer.ask('application', applicationId=application)[1]['name']}"
    until(lambda: "==> Installing" in _build_log(world, namespace), 30, "for the build to be in its middle")

    world.machine.stop(signal.SIGKILL)
    world.machine.start()

    done = developer.ended(application, requested["id"])
    assert done["status"] == "succeeded", f"{done['reason']}: {done['detail']}\n{world.machine.log[-3000:]}"
    assert developer.get(done["url"]) == "200 survivor"


def _build_log(world: DeployWorld, namespace: str) -> str:
    try:
        pods = world.machine.core.list_namespaced_pod(namespace, label_selector="capsule.dev/component=build").items
        return "".join(str(world.machine.core.read_namespaced_pod_log(pod.metadata.name, namespace)) for pod in pods)
    except ApiException:
        return ""  # neither namespace nor pod is there yet
