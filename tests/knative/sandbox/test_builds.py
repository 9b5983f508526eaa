"""A malicious setup.py runs in a build: it gets hold of nothing, and of this machine's ports it reaches only those that the operator listed."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knative.local.sandbox.isolation import Isolation, detect
from tests.builder.repositories import Repositories, serving
from tests.knative.jobs.test_jobs import finished, job, pods
from tests.knative.machine import Machine, service, until
from tests.knative.sandbox import attempts
from tests.knative.sandbox.conftest import CONNECTED, SECRET, Neighbour, wishes_of

pytestmark = pytest.mark.skipif(detect() is Isolation.NONE or not CONNECTED, reason="no sandbox with a network of its own here")
PROJECT = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
PASSED_ON = [name for name in os.environ if name.startswith(("PIP_", "UV_", "NPM_")) or name.lower().endswith("_proxy") or "CERT" in name]


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    with serving(tmp_path) as found:
        yield found


def build(machine: Machine, namespace: str, name: str, url: str, hosts: str, **limits: str) -> dict[str, Any]:
    """As the deploy context makes it; the pod's end and its log."""
    told = {
        "REPOSITORY": url, "IMAGE": "capsule.local/apps/x", "REPOSITORY_HOSTS": hosts, "BUILD_ENVIRONMENT": " ".join(PASSED_ON),
        **{each: os.environ[each] for each in PASSED_ON},
    }  # fmt: skip
    volumes = [{"name": "workspace", "emptyDir": {"sizeLimit": limits.get("disk", "2Gi")}}, {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}]
    body = job(
        name,
        "",
        command=["python", "-m", "knative.builder"],
        spec={"backoffLimit": 0},
        env=[{"name": each, "value": value} for each, value in told.items()],
        resources={"limits": {"memory": limits.get("memory", "512Mi")}},
        volumeMounts=[{"name": "workspace", "mountPath": "/workspace"}, {"name": "cache", "mountPath": "/cache"}],
        annotations={"local.capsule.dev/push": "/workspace/image", "local.capsule.dev/cache": "cache"},
        pod={"volumes": volumes},
    )
    machine.batch.create_namespaced_job(namespace, body)
    finished(machine, namespace, name, 120)
    (pod,) = pods(machine, namespace, name)
    terminated = pod.status.container_statuses[0].state.terminated
    log = machine.core.read_namespaced_pod_log(pod.metadata.name, namespace)
    return {"code": terminated.exit_code, "reason": terminated.reason, "message": terminated.message or "", "log": log}


def setup_py(body: str) -> dict[str, str]:
    return {"pyproject.toml": PROJECT, "setup.py": f"{Path(attempts.__file__).read_text()}\n{body}", "Procfile": "web: python -m x"}


def test_it_gets_hold_of_nothing(machine: Machine, neighbour: Neighbour, doors: list[list[Any]], repositories: Repositories) -> None:
    namespace = machine.namespace()
    listed = int(repositories.host.rpartition(":")[2])
    wishes = [*wishes_of(machine, neighbour), *doors, ["connect", "127.0.0.1", listed]]
    said = f"print('GOT', json.dumps(attempt({wishes!r})), file=sys.stderr)\nprint('HAS', sorted(os.environ), file=sys.stderr)\n"
    body = f"import json, sys\n{said}sys.exit(3)\n"
    repository = repositories.make("malicious")
    repository.commit(setup_py(body))
    ended = build(machine, namespace, "malicious", repository.url, repositories.host)
    assert ended["code"] == 1 and json.loads(ended["message"])["reason"] == "build-failed", ended
    (got,) = {line.partition("GOT ")[2] for line in ended["log"].splitlines() if "GOT [" in line}
    assert json.loads(got) == [f"connected to 127.0.0.1:{listed}"], "only the private host that is listed"
    assert SECRET not in ended["log"] and "REPOSITORY_HOSTS" not in ended["log"].partition("HAS ")[2].partition("\n")[0]


@pytest.mark.parametrize(
    ("body", "limits", "reason", "words"),
    [
        ("x = []\nwhile True: x.append(b'x' * 1048576)\n", {"memory": "128Mi"}, "", "memory"),
        (
            "for n in range(100000):\n    with open(os.environ['HOME'] + f'/f{n}', 'wb') as f: f.write(b'x' * 1048576)\n",
            {"disk": "128Mi"},
            "Evicted",
            'emptydir volume "workspace" exceeds',
        ),
    ],
)
def test_it_uses_no_more_than_it_was_given(
    machine: Machine, repositories: Repositories, body: str, limits: dict[str, str], reason: str, words: str
) -> None:
    namespace = machine.namespace()
    repository = repositories.make("greedy")
    repository.commit(setup_py(body))
    ended = build(machine, namespace, "greedy", repository.url, repositories.host, **limits)
    assert ended["code"] != 0 and words.lower() in ended["message"].lower() and (not reason or ended["reason"] == reason), ended


def test_what_was_built_runs_at_its_place_in_a_sandbox(machine: Machine, repositories: Repositories) -> None:
    """Its interpreter, its packages, its scripts and its own modules; tracebacks name the files as the application sees them."""
    namespace = machine.namespace()
    code = (
        "import sys, flask, itsdangerous\napp = flask.Flask(__name__)\n"
        "@app.get('/')\ndef where(): return '\\n'.join([__file__, sys.prefix, itsdangerous.__file__, where.__code__.co_filename])\n"
    )
    repository = repositories.make("placed")
    repository.commit({"requirements.txt": "flask\n", "made/__init__.py": code, "Procfile": "web: flask --app made run --port $PORT\n"})
    ended = build(machine, namespace, "placed", repository.url, repositories.host)
    assert ended["code"] == 0, ended
    said = json.loads(ended["message"])
    *_, built, stored = ended["log"].splitlines()
    assert built.startswith("==> Built capsule.local/apps/x in ") and stored.startswith(f"==> Stored {said['image']}, "), ended["log"]
    application = service(namespace, "placed", image=said["image"])
    del application["spec"]["template"]["spec"]["containers"][0]["command"]
    machine.create(application)
    with machine.http(machine.ready(namespace, "placed")) as http:
        lines = http.get("/").text.splitlines()
    version = lines[2].split("/lib/")[1].split("/")[0]
    packages = f"/app/.venv/lib/{version}/site-packages"
    assert lines == ["/app/made/__init__.py", "/app/.venv", f"{packages}/itsdangerous/__init__.py", "/app/made/__init__.py"]


def test_the_cache_is_its_application_s_and_goes_with_it(machine: Machine, repositories: Repositories) -> None:
    namespace, other = machine.namespace(), machine.namespace()
    repository = repositories.make("cached")
    repository.commit({"requirements.txt": "itsdangerous\n", "main.py": ""})
    for where in (namespace, other):
        ended = build(machine, where, "first", repository.url, repositories.host)
        assert ended["code"] == 0, ended
    caches = machine.home / "knative" / "caches"
    assert (caches / namespace / "uv").is_dir() and (caches / other / "uv").is_dir()
    if os.geteuid() == 0:
        assert (caches / namespace).stat().st_uid != (caches / other).stat().st_uid
    machine.core.delete_namespace(namespace)
    until(lambda: not (caches / namespace).exists())
    assert (caches / other).exists()
