"""Real builds and real applications on the one-machine Knative, whose ends must be read from the objects as they are."""

import json
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.domain.observation import BuildBroken, NotServing, Serving
from tests.adapters.deploy_applications import PLAIN, App, ended, get, image_of
from tests.knative.machine import Machine


async def test_a_repository_is_built_released_and_answers_and_a_broken_one_leaves_it_so(
    machine: Machine, knative: KubernetesCluster, built: Any
) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    image = await image_of(built, app, {"main.py": PLAIN.replace("VERSION", "one"), "requirements.txt": ""})
    await knative.apply(app.service(good, image))
    seen = await ended(knative, app.awaited("Service", good))
    assert isinstance(seen, Serving), seen
    assert get(machine, seen.url) == "200 one"

    broken = await image_of(built, app, {"Procfile": "web: python main.py", "main.py": "import sys; sys.exit('no configuration')"})
    await knative.apply(app.service(bad, broken))
    failed = await ended(knative, app.awaited("Service", bad))
    assert isinstance(failed, NotServing), failed
    assert failed.reason == "exits-at-start", failed
    assert "no configuration" in failed.detail, failed
    assert await knative.observe(app.awaited("Service", good)) is None, "the good deployment is not what the Service says now"
    assert get(machine, seen.url) == "200 one", "the old revision did not go on serving"

    await knative.replace_service(app.awaited("Service", bad), app.service(good, image))
    assert isinstance(await ended(knative, app.awaited("Service", good)), Serving)
    assert get(machine, seen.url) == "200 one"


async def test_the_traffic_goes_back_to_the_revision_of_before_without_waiting_for_a_new_one(
    machine: Machine, knative: KubernetesCluster, built: Any
) -> None:
    """The image of before would take half a minute to start again; its revision is there."""
    app, good, bad = App(), uuid4(), uuid4()
    files = {"Procfile": "web: python main.py", "main.py": PLAIN.replace("VERSION", "one")}
    image = await image_of(built, app, files)
    await knative.apply(app.service(good, image))
    before = await ended(knative, app.awaited("Service", good))
    assert isinstance(before, Serving)
    other = await image_of(built, app, {**files, "main.py": PLAIN.replace("VERSION", "two")})
    await knative.apply(app.service(bad, other))
    taken = await ended(knative, app.awaited("Service", bad))
    assert isinstance(taken, Serving) and taken.revision != before.revision
    assert get(machine, taken.url) == "200 two"

    slow = app.service(good, image)
    slow["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["initialDelaySeconds"] = 8
    began = time.monotonic()
    await knative.replace_service(app.awaited("Service", bad), slow, pinned=before.revision)
    while get(machine, taken.url) != "200 one":
        assert time.monotonic() - began < 5, "the traffic waits for the new revision"
    awaited = replace(app.awaited("Service", good), pinned=before.revision)
    assert await knative.observe(awaited) is None, "the new revision is not ready yet"
    seen = await ended(knative, awaited)
    assert isinstance(seen, Serving)
    assert get(machine, seen.url) == "200 one"


async def test_a_revision_that_is_kept_no_more_cannot_be_pinned(machine: Machine, knative: KubernetesCluster, built: Any) -> None:
    app, good, bad = App(), uuid4(), uuid4()
    image = await image_of(built, app, {"index.html": "<h1>hello</h1>"})
    await knative.apply(app.service(bad, image))
    assert isinstance(await ended(knative, app.awaited("Service", bad)), Serving)
    await knative.replace_service(app.awaited("Service", bad), app.service(good, image), pinned="gone-00001")
    seen = await ended(knative, replace(app.awaited("Service", good), pinned="gone-00001"))
    assert isinstance(seen, Serving) and seen.revision != "gone-00001"


async def test_an_application_that_never_listens(knative: KubernetesCluster, built: Any) -> None:
    app, deployment = App(), uuid4()
    image = await image_of(built, app, {"Procfile": "web: sleep 600"})
    service = app.service(deployment, image)
    service["spec"]["template"]["metadata"]["annotations"]["serving.knative.dev/progress-deadline"] = "3s"
    await knative.apply(service)
    seen = await ended(knative, app.awaited("Service", deployment))
    assert isinstance(seen, NotServing)
    assert seen.reason == "never-listens", seen


async def test_a_failed_build_has_its_builder_s_word(built: Any) -> None:
    seen, commit = await built(App(), {"README.md": "nothing to run"})
    assert isinstance(seen, BuildBroken)
    assert (seen.reason, seen.commit) == ("not-recognized", commit)
    assert "README.md" in seen.detail


async def test_a_static_site(machine: Machine, knative: KubernetesCluster, built: Any) -> None:
    app, deployment = App(), uuid4()
    image = await image_of(built, app, {"index.html": "<h1>hello</h1>"})
    await knative.apply(app.service(deployment, image))
    seen = await ended(knative, app.awaited("Service", deployment))
    assert isinstance(seen, Serving)
    assert get(machine, seen.url) == "200 <h1>hello</h1>"


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


async def test_an_application_that_looks_for_secrets_finds_none(machine: Machine, knative: KubernetesCluster, built: Any) -> None:
    app, deployment = App(), uuid4()
    paths = [str(machine.home / "kubeconfig"), str(machine.home / "knative" / "store.db")]
    image = await image_of(built, app, {"Procfile": "web: python main.py", "main.py": f"PATHS = {paths!r}\n{CURIOUS}"})
    await knative.apply(app.service(deployment, image))
    seen = await ended(knative, app.awaited("Service", deployment))
    assert isinstance(seen, Serving), seen
    found = json.loads(get(machine, seen.url).partition(" ")[2])
    ours = [name for name in found["environment"] if name.startswith(("CAPSULE_", "KUBE", "PG", "AMQP", "PIP_", "UV_"))]
    assert set(ours) <= {"CAPSULE_BIND"}, found
    assert found["account"] is False
    assert found["read"] == [], "it reads the platform's files"
