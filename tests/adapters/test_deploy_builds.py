"""Real builds and applications on the one-machine Knative, and the outcomes that the adapter reads."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.domain import release_facts
from functions.deploy.domain.observation import BuildJobFailed, ServiceFailed, ServiceReady
from tests.adapters.deploy_applications import PLAIN, App, get, image_of, wait_for_outcome
from tests.knative.machine import Machine, until
from tests.proof import proof


async def test_a_repository_is_built_and_served_and_a_broken_commit_does_not_replace_it(
    machine: Machine, knative: KubernetesCluster, build: Any
) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    image = await image_of(build, app, {"main.py": PLAIN.replace("VERSION", "one"), "requirements.txt": ""})
    await knative.apply(app.service(good, image))
    observation = await wait_for_outcome(knative, app.watched("Service", good))
    assert isinstance(observation, ServiceReady), observation
    assert get(machine, observation.url) == "200 one"

    broken = await image_of(build, app, {"Procfile": "web: python main.py", "main.py": "import sys; sys.exit('no configuration')"})
    await knative.apply(app.service(bad, broken))
    failed = await wait_for_outcome(knative, app.watched("Service", bad))
    assert isinstance(failed, ServiceFailed), failed
    assert failed.reason == "exits-at-start", failed
    assert "no configuration" in failed.detail, failed
    assert await knative.observe(app.watched("Service", good)) is None, "the Service carries another deployment now"
    assert get(machine, observation.url) == "200 one", "the old revision stopped serving"

    await knative.replace_service(app.watched("Service", bad), app.service(good, image))
    assert isinstance(await wait_for_outcome(knative, app.watched("Service", good)), ServiceReady)
    assert get(machine, observation.url) == "200 one"


@proof("repositories")
async def test_a_rollback_routes_traffic_to_the_previous_revision_at_once(machine: Machine, knative: KubernetesCluster, build: Any) -> None:
    """A new revision of the previous image would take 8 seconds to become ready; the previous revision still exists."""
    app, good, bad = App(), uuid4(), uuid4()
    files = {"Procfile": "web: python main.py", "main.py": PLAIN.replace("VERSION", "one")}
    image = await image_of(build, app, files)
    await knative.apply(app.service(good, image))
    before = await wait_for_outcome(knative, app.watched("Service", good))
    assert isinstance(before, ServiceReady)
    other = await image_of(build, app, {**files, "main.py": PLAIN.replace("VERSION", "two")})
    await knative.apply(app.service(bad, other))
    serving = await wait_for_outcome(knative, app.watched("Service", bad))
    assert isinstance(serving, ServiceReady) and serving.revision != before.revision
    assert get(machine, serving.url) == "200 two"

    slow = app.service(good, image)
    slow["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["initialDelaySeconds"] = 8
    await knative.replace_service(app.watched("Service", bad), slow, pinned_revision=before.revision)
    until(lambda: get(machine, serving.url) == "200 one")
    watched = replace(app.watched("Service", good), pinned_revision=before.revision)
    assert await knative.observe(watched) is None, "the new revision is not ready yet"
    observation = await wait_for_outcome(knative, watched)
    assert isinstance(observation, ServiceReady)
    assert get(machine, observation.url) == "200 one"


async def test_a_deleted_revision_is_not_pinned(machine: Machine, knative: KubernetesCluster, build: Any) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    image = await image_of(build, app, {"index.html": "<h1>hello</h1>"})
    await knative.apply(app.service(bad, image))
    assert isinstance(await wait_for_outcome(knative, app.watched("Service", bad)), ServiceReady)
    await knative.replace_service(app.watched("Service", bad), app.service(good, image), pinned_revision="gone-00001")
    observation = await wait_for_outcome(knative, replace(app.watched("Service", good), pinned_revision="gone-00001"))
    assert isinstance(observation, ServiceReady) and observation.revision != "gone-00001"


async def test_an_application_that_never_listens_is_reported(knative: KubernetesCluster, build: Any) -> None:
    app, deployment = App(), uuid4()
    image = await image_of(build, app, {"Procfile": "web: sleep 600"})
    service = app.service(deployment, image)
    service["spec"]["template"]["metadata"]["annotations"]["serving.knative.dev/progress-deadline"] = "3s"
    await knative.apply(service)
    observation = await wait_for_outcome(knative, app.watched("Service", deployment))
    assert isinstance(observation, ServiceFailed)
    assert observation.reason == "never-listens", observation


async def test_a_failed_build_has_the_builder_s_reason(build: Any) -> None:
    observation, commit = await build(App(), {"README.md": "nothing to run"})
    assert isinstance(observation, BuildJobFailed)
    assert (observation.reason, observation.commit) == ("not-recognized", commit)
    assert "README.md" in observation.detail


@proof("repositories")
async def test_a_static_site_is_served(machine: Machine, knative: KubernetesCluster, build: Any) -> None:
    app, deployment = App(), uuid4()
    image = await image_of(build, app, {"index.html": "<h1>hello</h1>"})
    await knative.apply(app.service(deployment, image))
    observation = await wait_for_outcome(knative, app.watched("Service", deployment))
    assert isinstance(observation, ServiceReady)
    assert get(machine, observation.url) == "200 <h1>hello</h1>"


CURIOUS = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        def readable(path):
            try:
                open(path).read()
                return True
            except OSError:
                return False
        seen = {"environment": dict(os.environ), "read": [path for path in PATHS if readable(path)], "account": os.path.exists(ACCOUNT)}
        self.send_response(200); self.end_headers(); self.wfile.write(json.dumps(seen).encode())
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@proof("repositories")
async def test_an_application_finds_no_secrets_of_the_platform(machine: Machine, knative: KubernetesCluster, build: Any) -> None:
    app, deployment = App(), uuid4()
    paths = [str(machine.home / "kubeconfig"), str(machine.home / "knative" / "store.db")]
    image = await image_of(build, app, {"Procfile": "web: python main.py", "main.py": f"PATHS = {paths!r}\n{CURIOUS}"})
    await knative.apply(app.service(deployment, image))
    observation = await wait_for_outcome(knative, app.watched("Service", deployment))
    assert isinstance(observation, ServiceReady), observation
    report = json.loads(get(machine, observation.url).partition(" ")[2])
    ours = [name for name in report["environment"] if name.startswith(("CAPSULE_", "KUBE", "PG", "AMQP", "PIP_", "UV_"))]
    assert set(ours) <= {"CAPSULE_BIND", *release_facts.NAMES}, report
    assert report["account"] is False
    assert report["read"] == [], "it reads the platform's files"
