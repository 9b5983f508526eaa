"""A malicious setup.py runs in a build: it gets nothing, and reaches only those ports of this machine that the operator granted."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from tests.builder.repositories import Repositories, serving
from tests.knative.jobs.builds import clone_container, read_log, terminated
from tests.knative.jobs.objects import finished, job, pods
from tests.knative.machine import Machine, service, until
from tests.knative.sandbox import attempts
from tests.knative.sandbox.conftest import HAS_NETWORKS, SECRET, Neighbour, attempts_on

pytestmark = pytest.mark.skipif(detect() is Isolation.NONE or not HAS_NETWORKS, reason="no sandbox with a network of its own here")
PROJECT = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
INHERITED = [name for name in os.environ if name.startswith(("PIP_", "UV_", "NPM_")) or name.lower().endswith("_proxy") or "CERT" in name]
ANNOTATIONS = {"push": "/workspace/image", "cache": "cache", "dockerfiles": "allowed"}


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    with serving(tmp_path) as found:
        yield found


def build(machine: Machine, namespace: str, name: str, url: str, hosts: str, **limits: str) -> dict[str, Any]:
    """Run a build as the deploy context does. Returns the end of its container and its log."""
    variables = {
        "REPOSITORY": url, "IMAGE": "capsule.local/apps/x", "REPOSITORY_HOSTS": hosts, "BUILD_ENVIRONMENT": " ".join(INHERITED),
        **{each: os.environ[each] for each in INHERITED},
    }  # fmt: skip
    volumes = [{"name": "workspace", "emptyDir": {"sizeLimit": limits.get("disk", "2Gi")}}, {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}]
    env = [{"name": each, "value": value} for each, value in variables.items()]
    workspace = {"name": "workspace", "mountPath": "/workspace"}
    body = job(
        name,
        "",
        command=["python", "-m", "knative.builder"],
        spec={"backoffLimit": 0},
        env=env,
        resources={"limits": {"memory": limits.get("memory", "512Mi")}},
        volumeMounts=[workspace, {**workspace, "mountPath": "/app", "subPath": "app"}, {"name": "cache", "mountPath": "/cache"}],
        annotations={f"local.capsule.dev/{key}": value for key, value in ANNOTATIONS.items()},
        pod={"volumes": volumes, "initContainers": [clone_container(env, workspace)]},
    )
    machine.batch.create_namespaced_job(namespace, body)
    finished(machine, namespace, name, 120)
    (pod,) = pods(machine, namespace, name)
    ended, log = terminated(pod), read_log(machine, namespace, pod)
    return {"code": ended.exit_code, "reason": ended.reason, "message": ended.message or "", "log": log}


def setup_py(body: str) -> dict[str, str]:
    return {"pyproject.toml": PROJECT, "setup.py": f"{Path(attempts.__file__).read_text()}\n{body}", "Procfile": "web: python -m x"}


def test_a_build_gets_hold_of_nothing(machine: Machine, neighbour: Neighbour, listeners: list[list[Any]], repositories: Repositories) -> None:
    namespace = machine.namespace()
    listed = int(repositories.host.rpartition(":")[2])
    tried = [*attempts_on(machine, neighbour), *listeners, ["connect", "127.0.0.1", listed]]
    script = f"print('GOT', json.dumps(attempt({tried!r})), file=sys.stderr)\nprint('HAS', sorted(os.environ), file=sys.stderr)\n"
    body = f"import json, sys\n{script}print('AT', os.getcwd(), file=sys.stderr)\nsys.exit(3)\n"
    repository = repositories.create("malicious")
    repository.commit(setup_py(body))
    ended = build(machine, namespace, "malicious", repository.url, repositories.host)
    assert ended["code"] == 1 and json.loads(ended["message"])["reason"] == "build-failed", ended
    (got,) = {line.partition("GOT ")[2] for line in ended["log"].splitlines() if "GOT [" in line}
    assert json.loads(got) == [f"connected to 127.0.0.1:{listed}"], "only the private host that is listed"
    assert "AT /app" in ended["log"], "the application's files are where they are when it runs"
    assert SECRET not in ended["log"] and "REPOSITORY_HOSTS" not in ended["log"].partition("HAS ")[2].partition("\n")[0]


def ask_for(host: str, port: int, closing: bool = True) -> str:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\n{'Connection: close' if closing else 'X: y'}\r\n\r\n"


def requests(reachable: str, other: str, port: int) -> list[str]:
    """Return requests that try to reach `other` through a listener for `reachable`."""
    get, close = f"GET / HTTP/1.1\r\nHost: {reachable}\r\n", "Connection: close\r\n\r\n"
    return [
        *(ask_for(each, port) for each in (other, f"{other}:{port}", other.upper(), f"{other}.", f"{other}.:{port}", f"\t{other}\t", f" {other} ")),
        *(
            ask_for(each, port)
            for each in (f"{reachable},{other}", f"{reachable} {other}", f"{reachable}@{other}", f"{reachable}\\{other}", f"{reachable}\0{other}")
        ),
        f"{get}Host: {other}\r\n{close}",
        f"GET / HTTP/1.1\r\nHost: {other}\r\nHost: {reachable}\r\n{close}",
        f"{get}Host : {other}\r\n{close}",
        f"GET / HTTP/1.1\r\nHost: {reachable}\r\n {other}\r\n{close}",
        f"GET http://{other}/ HTTP/1.1\r\nHost: {reachable}\r\n{close}",
        f"GET http://{other}:{port}/ HTTP/1.1\r\nHost: {reachable}:{port}\r\n{close}",
        f"GET HTTP://{reachable}@{other}/ HTTP/1.1\r\nHost: {reachable}\r\n{close}",
        f"GET https://{other}/ HTTP/1.1\r\nHost: {reachable}\r\n{close}",
        f"GET {other} HTTP/1.1\r\nHost: {reachable}\r\n{close}",
        f"GET //{other}/ HTTP/1.1\r\nHost: {reachable}\r\n{close}",
        f"GET http://{other}/ HTTP/1.0\r\n\r\n",
        f"GET / HTTP/1.0\r\nHost: {other}\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        ask_for(reachable, port, closing=False) + ask_for(other, port),
        f"POST / HTTP/1.1\r\nHost: {reachable}\r\nContent-Length: 2\r\n\r\n{{}}" + ask_for(other, port),
        f"POST / HTTP/1.1\r\nHost: {reachable}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + ask_for(other, port),
        f"POST / HTTP/1.1\r\nHost: {reachable}\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + ask_for(other, port),
        f"{get}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n" + ask_for(other, port),
        f"GET / HTTP/1.1\r\nHost: {other}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        f"CONNECT {other}:{port} HTTP/1.1\r\nHost: {reachable}\r\n\r\n" + ask_for(other, port),
        f"CONNECT {reachable}:{port} HTTP/1.1\r\nHost: {reachable}\r\n\r\n" + ask_for(other, port),
        f"{get}X-Forwarded-Host: {other}\r\nForwarded: host={other}\r\nX-Host: {other}\r\nX-Original-Host: {other}\r\n{close}",
        f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{ask_for(other, port)}",
    ]


def test_a_build_reaches_only_the_granted_hosts_of_the_ingress(machine: Machine, repositories: Repositories) -> None:
    reachable, other = (f"{name}.capsule.localhost" for name in ("reachable", "platform"))
    machine.create(service("capsule", "reachable"))
    machine.ready("capsule", "reachable")
    port = 7080 + machine.offset
    body = httpx.get(machine.ingress, headers={"Host": other}, timeout=30).text
    assert "platform-00001" in body, "from outside of the sandbox it answers, or the test proves nothing"
    tried: list[list[Any]] = [["ask", port, each, "platform-0000"] for each in requests(reachable, other, port)]
    variants = (reachable, f"{reachable}:{port}", reachable.upper(), f"{reachable}.")
    reached = [["ask", port, ask_for(each, port), "reachable-00001"] for each in variants]
    reached.append(["ask", port, f"GET http://{reachable}/ HTTP/1.1\r\nHost: {other}\r\nConnection: close\r\n\r\n", "reachable-00001"])
    refusal = ["ask", port, ask_for(other, port), f"A build reaches only {reachable} here."]
    assert [each for each in tried if "platform" in each[2] and attempt_outside(each)], "the requests are right"
    got = attempted_in_a_build(machine, repositories, f"{reachable} {repositories.host}", [*tried, *reached, refusal])
    assert len(got) == len(reached) + 1 and all("reachable-00001" in each or "A build reaches only" in each for each in got), got


def attempt_outside(attempted: list[Any]) -> bool:
    """Try it outside of the sandbox, where the public ingress is."""
    return bool(attempts.attempt([attempted]))


def attempted_in_a_build(machine: Machine, repositories: Repositories, hosts: str, tried: list[list[Any]]) -> list[str]:
    """Return what a build got."""
    repository = repositories.create(f"attempts-{uuid.uuid4().hex[:6]}")
    encoded = json.dumps(tried).encode().hex()  # setuptools replaces the text \\r\\n of a setup.py
    loop = f"for got in attempt(json.loads(bytes.fromhex('{encoded}'))): print('GOT', json.dumps(got), file=sys.stderr)"
    repository.commit(setup_py(f"import json, sys\n{loop}\nprint('GOT', json.dumps('ALL'), file=sys.stderr)\nsys.exit(3)\n"))
    ended = build(machine, machine.namespace(), "attempts", repository.url, hosts)
    found = [json.loads(line.partition("GOT ")[2]) for line in ended["log"].splitlines() if 'GOT "' in line]
    assert found[-1] == "ALL", ended
    return found[: found.index("ALL")]


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
def test_a_build_cannot_exceed_its_limits(
    machine: Machine, repositories: Repositories, body: str, limits: dict[str, str], reason: str, words: str
) -> None:
    namespace = machine.namespace()
    repository = repositories.create("greedy")
    repository.commit(setup_py(body))
    ended = build(machine, namespace, "greedy", repository.url, repositories.host, **limits)
    if reason and machine.has_disks:
        reason, words = "", "no space left on device"
    assert ended["code"] != 0 and words.lower() in ended["message"].lower() and (not reason or ended["reason"] == reason), ended


def test_a_built_application_runs_at_its_path_in_a_sandbox(machine: Machine, repositories: Repositories) -> None:
    """Interpreter, packages, scripts and modules work, and tracebacks name files by their paths in the sandbox."""
    namespace = machine.namespace()
    code = (
        "import sys, flask, itsdangerous\napp = flask.Flask(__name__)\n"
        "@app.get('/')\ndef where(): return '\\n'.join([__file__, sys.prefix, itsdangerous.__file__, where.__code__.co_filename])\n"
    )
    repository = repositories.create("placed")
    repository.commit({"requirements.txt": "flask\n", "made/__init__.py": code, "Procfile": "web: flask --app made run --port $PORT\n"})
    ended = build(machine, namespace, "placed", repository.url, repositories.host)
    assert ended["code"] == 0, ended
    message = json.loads(ended["message"])
    *_, built, stored = ended["log"].splitlines()
    assert built.startswith("==> Built capsule.local/apps/x in ") and stored.startswith(f"==> Stored {message['image']}, "), ended["log"]
    application = service(namespace, "placed", image=message["image"])
    del application["spec"]["template"]["spec"]["containers"][0]["command"]
    machine.create(application)
    with machine.http(machine.ready(namespace, "placed")) as http:
        lines = http.get("/").text.splitlines()
    version = lines[2].split("/lib/")[1].split("/")[0]
    packages = f"/app/.venv/lib/{version}/site-packages"
    assert lines == ["/app/made/__init__.py", "/app/.venv", f"{packages}/itsdangerous/__init__.py", "/app/made/__init__.py"]


def test_a_build_cache_belongs_to_its_application_and_is_deleted_with_it(machine: Machine, repositories: Repositories) -> None:
    if not machine.has_caches:
        pytest.skip("without ID-mapped mounts a cache would belong to the build before")
    namespace, other = machine.namespace(), machine.namespace()
    repository = repositories.create("cached")
    repository.commit({"requirements.txt": "itsdangerous\n", "main.py": ""})
    for where in (namespace, other):
        ended = build(machine, where, "first", repository.url, repositories.host)
        assert ended["code"] == 0, ended
    caches = machine.home / "knative" / "caches"
    mine, theirs = (caches / (f"{each}.img" if machine.has_disks else each) for each in (namespace, other))
    again = build(machine, namespace, "again", repository.url, repositories.host)
    assert again["code"] == 0 and mine.exists() and theirs.exists(), again
    if not machine.has_disks:
        assert (mine / "uv").is_dir() and (theirs / "uv").is_dir()
    machine.core.delete_namespace(namespace)
    until(lambda: not mine.exists())
    assert theirs.exists()
