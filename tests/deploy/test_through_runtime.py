"""The deploy context on the real runtime: from a git repository to a URL, and the state after failures."""

import signal
import uuid

from kubernetes.client.exceptions import ApiException

from tests.builder.repositories import Repositories
from tests.deploy.process import DeployWorld, Developer, developer, files, hosts, repositories, worker, world
from tests.proof import proof
from tests.runtime.harness import Worker, until

__all__ = ["developer", "hosts", "repositories", "worker", "world"]


def test_a_repository_is_deployed_and_a_broken_commit_does_not_replace_it(
    developer: Developer, repositories: Repositories, world: DeployWorld, worker: Worker
) -> None:
    assert developer.send("quota")[1]["applications"]["used"] == 0
    repository = repositories.create("journey")
    first = repository.commit(files("one"))
    application = developer.create(repository)

    done = developer.deploy(application)
    assert (done["status"], done["commit"], done["release"]) == ("succeeded", first, 1), done
    assert [step["step"] for step in done["steps"]] == ["requested", "building", "releasing", "observing"]
    assert all(step["finishedAt"] for step in done["steps"])
    assert developer.get(done["url"]) == "200 one"

    repository.commit({"README.md": "nothing to run"})
    failed = developer.deploy(application)
    assert (failed["status"], failed["reason"], failed["release"]) == ("failed", "not-recognized", None)
    assert developer.get(done["url"]) == "200 one"

    repository.commit({"Procfile": "web: python main.py", "main.py": "raise SystemExit('no settings')"})
    failed = developer.deploy(application)
    assert (failed["status"], failed["reason"]) == ("failed", "exits-at-start"), failed
    assert developer.get(done["url"]) == "200 one"
    name = developer.send("application", applicationId=application)[1]["name"]
    until(lambda: _release_of(world, name) == "r1", 20, "for the last good release to be restored")

    repository.commit(files("two"))
    again = developer.deploy(application)
    assert (again["status"], again["release"]) == ("succeeded", 3), again
    until(lambda: developer.get(done["url"]) == "200 two", 20, "for the traffic to move")
    old = developer.deploy(application, ref=first)
    assert (old["status"], old["commit"]) == ("succeeded", first)

    view = developer.send("application", applicationId=application)[1]
    assert [(each["name"], each["release"], each["commit"]) for each in view["environments"]] == [("staging", 4, first)]
    assert [each["status"] for each in developer.send("deployments", applicationId=application)[1]["items"]] == [
        "succeeded", "succeeded", "failed", "failed", "succeeded"
    ]  # fmt: skip
    event_types = [headers["type"] for headers, _ in iter(lambda: world.take("events") or ({}, b""), ({}, b""))]
    assert {"quota.granted", "application.created", "deployment.requested", "build.succeeded", "build.failed"} <= set(event_types)
    assert (event_types.count("deployment.succeeded"), event_types.count("deployment.failed")) == (3, 2)

    assert developer.send("delete_application", applicationId=application)[0] == 202
    assert developer.send("application", applicationId=application)[0] == 404
    until(lambda: world.count("applications WHERE id = %s AND status = 'deleted'", application), 30, "for the namespace to be deleted")
    assert f"app-{name}" not in [each.metadata.name for each in world.machine.core.list_namespace().items]
    assert developer.send("quota")[1]["applications"]["used"] == 0
    assert world.count("dead_letters") == 0, world.rows("SELECT function, error, detail FROM dead_letters")
    assert not [line for line in worker.lines() if line.get("level") == "ERROR"], worker.log.read_text()


def _release_of(world: DeployWorld, name: str) -> str:
    service = world.machine.get("services", f"app-{name}", f"{name}-staging")
    return str(service["spec"]["template"]["metadata"]["annotations"]["capsule.dev/release"])


def test_rejections_are_problem_documents(developer: Developer, repositories: Repositories) -> None:
    repository = repositories.create("refused")
    status, problem = developer.send("create_application", name="Not A Name", repository=repository.url)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/name")
    status, problem = developer.send("create_application", name="inside", repository="http://127.0.0.1:1/x")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/repository")
    status, problem = developer.send("create_application", name="x", repository=repository.url, owner="me")
    assert status == 422, "unknown fields are rejected"
    application = developer.create(repository)
    stranger = Developer(developer.world, developer.worker, uuid.uuid4())
    for function, parameters in (("application", {}), ("deployments", {}), ("deploy", {"environment": "staging"}), ("delete_application", {})):
        assert stranger.send(function, applicationId=application, **parameters)[0] == 404
    assert developer.send("deploy", applicationId=application, environment="moon")[0] == 404
    assert developer.send("deploy", applicationId=application, environment="staging", ref="--upload-pack=x")[0] == 422


def test_a_concurrent_deployment_is_rejected(developer: Developer, repositories: Repositories) -> None:
    repository = repositories.create("twice")
    repository.commit(files("one"))
    application = developer.create(repository)
    assert developer.send("deploy", applicationId=application, environment="staging")[0] == 202
    status, problem = developer.send("deploy", applicationId=application, environment="staging")
    assert (status, problem["type"].rpartition("/")[2]) == (409, "deployment-in-progress")


def test_health_includes_the_database(developer: Developer) -> None:
    status, health = developer.send("health")
    assert (status, health["status"], health["service"], health["metadata"]["database"]["connected"]) == (200, "healthy", "deploy-service", True)
    assert health["metadata"]["memory"]["unit"] == "MB"


@proof("recovery")
def test_a_deployment_survives_a_machine_that_is_killed_during_a_build(developer: Developer, repositories: Repositories, world: DeployWorld) -> None:
    repository = repositories.create("killed")
    slow = "import time\nfrom setuptools import setup\ntime.sleep(5)\nsetup(name='slow', version='1', py_modules=[])\n"
    project = '[project]\nname = "slow"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    repository.commit({**files("survivor"), "pyproject.toml": project, "setup.py": slow, "requirements.txt": "./\n"})
    application = developer.create(repository)
    status, requested = developer.send("deploy", applicationId=application, environment="staging")
    assert status == 202
    namespace = f"app-{developer.send('application', applicationId=application)[1]['name']}"
    until(lambda: "==> Installing" in _build_log(world, namespace), 30, "for the build to be running")

    world.machine.stop(signal.SIGKILL)
    world.machine.start()

    done = developer.wait_for_end(application, requested["id"])
    assert done["status"] == "succeeded", f"{done['reason']}: {done['detail']}\n{world.machine.log[-3000:]}"
    assert developer.get(done["url"]) == "200 survivor"


def _build_log(world: DeployWorld, namespace: str) -> str:
    try:
        pods = world.machine.core.list_namespaced_pod(namespace, label_selector="capsule.dev/component=build").items
        return "".join(str(world.machine.core.read_namespaced_pod_log(pod.metadata.name, namespace)) for pod in pods)
    except ApiException:
        return ""  # neither namespace nor pod exists yet
