"""Isolation by bubblewrap when an ordinary user starts the platform.

In the proof the other tests of this folder run in that mode too.
"""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from knative.local.processes.procfs import descendants, start_time_ticks
from knative.local.sandbox.bubblewrap import program
from tests.knative.jobs.objects import conditions, finished, pods
from tests.knative.jobs.test_build_jobs import build
from tests.knative.machine import PLATFORM, Machine, alive, service, until
from tests.knative.sandbox.conftest import HOSTILE, attempts_on, run_neighbour, run_platform
from tests.knative.sandbox.modes import running
from tests.proof import proof

pytestmark = pytest.mark.skipif(program() is None, reason="bubblewrap is not installed")
APPLICATION = """
import http.server, json, os, signal, sys, threading, time

def facts():
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    def writes(path):
        try:
            open(path, "x").close()
            return ""
        except OSError as error:
            return error.strerror
    return {
        "descriptors": START, "writes": {path: writes(path) for path in ("/app/own", "/new", "/usr/own", "/dev/own", "/etc/own")},
        "uid": os.getuid(), "capabilities": status["CapBnd"], "privileges": status["NoNewPrivs"], "filter": status["Seccomp"],
        "namespaces": {name: os.readlink("/proc/self/ns/" + name) for name in ("user", "pid", "ipc", "uts", "mnt", "net", "cgroup")},
        "oom": open("/proc/self/oom_score_adj").read().strip(), "keys": open("/proc/keys").read() if os.path.exists("/proc/keys") else "",
    }

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = json.dumps(facts()).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(data))); self.end_headers(); self.wfile.write(data)
        if self.path == "/end":
            self.wfile.flush(); os.kill(1, signal.SIGKILL); os._exit(3)

def stop(*_):
    open("/dev/termination-log", "w").write("ended as it was asked")
    os._exit(0)

START = sorted(os.listdir("/proc/self/fd"), key=int)[:-1]
signal.signal(signal.SIGTERM, stop)
open("/tmp/alive", "w").close()
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
MAKE = f"""
import json, os
os.makedirs("/workspace/image/rootfs")
open("/workspace/image/rootfs/app.py", "w").write({APPLICATION!r})
os.system("sleep 60 & sleep 60 & true")
record = {{"cmd": ["python3", "app.py"], "env": {{}}, "kind": "python"}}
open("/workspace/image/image.json", "w").write(json.dumps(record))
message = {{"image": "capsule.local/apps/other@sha256:" + "0" * 64, "commit": "abc", "kind": "python", "release": "true"}}
open("/dev/termination-log", "w").write(json.dumps(message))
"""
OWN_NAMESPACES = ("user", "pid", "ipc", "uts", "mnt")


@pytest.fixture(scope="module")
def user() -> Iterator[Machine]:
    with running("ordinary user" if os.geteuid() == 0 else "own account") as found:
        if "bubblewrap" not in found.isolation:
            pytest.skip(f"no bubblewrap for an ordinary user here: {found.isolation}")
        run_platform(found)
        yield found


@pytest.fixture(scope="module")
def image(user: Machine) -> tuple[str, str]:
    return built(user)


def built(user: Machine) -> tuple[str, str]:
    """Return (namespace, image) of a build whose background processes are still running when it ends."""
    namespace = user.namespace()
    user.batch.create_namespaced_job(namespace, build("build", script=MAKE))
    assert conditions(finished(user, namespace, "build")).get("Complete"), user.log
    (pod,) = pods(user, namespace, "build")
    return namespace, json.loads(pod.status.container_statuses[0].state.terminated.message)["image"]


@proof("tenant-isolation")
def test_without_overlays_and_filters_the_folder_is_read_only_and_up_reports_it() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root starts a machine in another way")
    with running("ordinary user without overlay and filter") as machine:
        assert "folder is read-only" in machine.isolation and "no system call filter" in machine.isolation
        run_platform(machine)
        with deployed(machine, built(machine), "weaker") as http:
            found = http.get("/").json()
            assert found["filter"] == "0" and found["writes"]["/app/own"] == "Read-only file system" and found["writes"]["/new"] == ""


def deployed(user: Machine, image: tuple[str, str], name: str, **container: Any) -> Any:
    namespace, digest = image
    made = service(namespace, name, image=digest, annotations={"autoscaling.knative.dev/min-scale": "1"}, **container)
    del made["spec"]["template"]["spec"]["containers"][0]["command"]
    user.create(made)
    return user.http(user.ready(namespace, name))


def test_an_application_has_namespaces_a_filter_and_a_layer_of_its_own(user: Machine, image: tuple[str, str]) -> None:
    probe = {"exec": {"command": ["sh", "-c", "test -e /tmp/alive && test $(cat /proc/1/comm) = bwrap"]}}
    with deployed(user, image, "writable", readinessProbe=probe) as http:
        found = http.get("/").json()
        assert found["descriptors"] == ["0", "1", "2"], found
        assert found["writes"] == {"/app/own": "", "/new": "", **{f"/{each}/own": "Read-only file system" for each in ("usr", "dev", "etc")}}
        assert (found["uid"], found["capabilities"], found["privileges"], found["filter"]) == (1000, "0" * 16, "1", "2")
        assert (found["oom"], found["keys"]) == ("500", "")
        assert all(os.readlink(f"/proc/self/ns/{name}") != found["namespaces"][name] for name in OWN_NAMESPACES)
        http.get("/end")
        restarted = until(lambda: (answer := http.get("/")).status_code == 200 and answer.json())
        assert restarted["writes"]["/app/own"] == restarted["writes"]["/new"] == "", "both are new at each start"
    assert not list((user.home / "knative" / "images").rglob("own")), "the image is as it was"


def test_a_read_only_root_file_system_is_applied(user: Machine, image: tuple[str, str]) -> None:
    with deployed(user, image, "closed", securityContext={"readOnlyRootFilesystem": True}) as http:
        assert set(http.get("/").json()["writes"].values()) == {"Read-only file system"}


def test_a_deleted_container_gets_sigterm_and_leaves_nothing(user: Machine, image: tuple[str, str]) -> None:
    namespace, _ = image
    with deployed(user, image, "ending"):
        (pid,) = user.pids(namespace, "ending")
        user.delete(namespace, "ending")
        until(lambda: not alive(pid), 10)  # well within the grace of a Service, after which it would be killed
        until(lambda: not list((user.home / "knative" / "pods" / namespace).glob("ending*")))


def test_a_hostile_application_gets_hold_of_nothing(user: Machine) -> None:
    if "single-tenant" in user.isolation:
        pytest.skip("tenants have no networks of their own here")
    namespace = user.namespace()
    user.create(service(namespace, "hostile", image=PLATFORM, command=HOSTILE))
    with user.http(user.ready(namespace, "hostile")) as http:
        assert http.post("/attempt", json=attempts_on(user, run_neighbour(user))).json() == []


def test_leftovers_of_a_killed_run_are_ended_and_services_answer(user: Machine, image: tuple[str, str]) -> None:
    namespace, _ = image
    with deployed(user, image, "survivor") as http:
        (pid,) = user.pids(namespace, "survivor")
        members = {(each, start_time_ticks(each)) for each in descendants(pid)}
        assert len(members) > 1, members
        user.stop(signal.SIGKILL)
        user.start()
        until(lambda: not [each for each, started in members if alive(each) and start_time_ticks(each) == started])
        assert until(lambda: (answer := http.get("/")).status_code == 200 and answer.json()["uid"]) == 1000
