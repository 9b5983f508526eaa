"""Jobs as the deploy context runs builds: an image from a container, after its init containers."""

import json
import os
from typing import Any

import pytest

from knative.local.images.tree import measure
from knative.local.unpacking.unpacker import Limits
from tests.knative.jobs.objects import conditions, finished, job, pods
from tests.knative.machine import PLATFORM, Machine, service, until

APPLICATION = "import http.server, os; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ['PORT']), bind='127.0.0.1')\n"
BUILD = """
import json, os, sys
from pathlib import Path
root = os.environ.get('CAPSULE_ROOT', '')
image = Path(root + '/workspace/image')
(image / 'rootfs').mkdir(parents=True)
(image / 'rootfs' / 'app.py').write_text(APPLICATION)
(image / 'rootfs' / 'index.html').write_text(sys.argv[1])
(image / 'rootfs' / 'run').symlink_to('app.py')
(image / 'image.json').write_text(json.dumps({'cmd': ['python3', 'app.py'], 'env': {'COLOUR': 'red', 'HERE': '{root}'}, 'kind': 'python'}))
message = {'image': 'capsule.local/apps/other@sha256:' + '0' * 64, 'commit': 'abc', 'kind': 'python', 'release': 'true', 'more': [1]}
Path(root + '/dev/termination-log').write_text(json.dumps(message))
""".replace("APPLICATION", repr(APPLICATION))
VOLUME = {"volumes": [{"name": "workspace", "emptyDir": {}}]}
MOUNT = {"volumeMounts": [{"name": "workspace", "mountPath": "/workspace"}]}
PUSH = {"local.capsule.dev/push": "/workspace/image"}


def build(name: str, *arguments: str, script: str = BUILD) -> Any:
    env = [{"name": "IMAGE", "value": "capsule.local/apps/shop"}]
    return job(name, script, spec={"backoffLimit": 0}, pod=VOLUME, annotations=PUSH, args=list(arguments), env=env, **MOUNT)


def test_a_build_becomes_an_image_that_runs(machine: Machine, namespace: str) -> None:
    machine.batch.create_namespaced_job(namespace, build("build", "<h1>shop</h1>"))
    assert conditions(finished(machine, namespace, "build")).get("Complete"), pods(machine, namespace, "build")
    (pod,) = pods(machine, namespace, "build")
    message = json.loads(pod.status.container_statuses[0].state.terminated.message)
    image = message.pop("image")
    assert message == {"commit": "abc", "kind": "python", "release": "true"}
    folder = machine.home / "knative" / "images" / "apps" / namespace / image.partition("@sha256:")[2]
    assert image.startswith("capsule.local/apps/shop@sha256:"), "the image has the name that the platform chose"
    assert f"==> Stored {image}, 0.0 MiB, 4 files" in machine.core.read_namespaced_pod_log(pod.metadata.name, namespace)
    assert measure(folder, Limits(), ignore={"record.json"}).digest == folder.name
    application = service(namespace, "shop", image=image)
    del application["spec"]["template"]["spec"]["containers"][0]["command"]
    machine.create(application)
    with machine.http(machine.ready(namespace, "shop")) as http:
        assert http.get("/").text == "<h1>shop</h1>"


@pytest.mark.parametrize(
    ("script", "arguments", "reason"),
    [
        (BUILD.replace("'commit'", "'comment'"), ("x",), "has no commit"),
        (BUILD.replace("json.dumps(message)", "'[' * 4096"), ("x",), "is not a JSON object"),
        (BUILD.replace("'abc'", "[[[]]]"), ("x",), "has no commit"),
        ("pass", (), "is not a JSON object"),
        (BUILD.replace("/workspace/image')\n", "/workspace/other')\n"), ("x",), "left no folder image"),
        (BUILD.replace("image.json').write_text", "image.json').symlink_to('/etc/passwd') or print"), ("x",), "image.json"),
        (BUILD + "\nos.rename(image, str(image) + '2'); image.symlink_to('/etc')", ("x",), "left no folder image"),
        (BUILD + "\nfor n in range(120):\n    image = image / 'd'; image.mkdir()", ("x",), "folders deep"),
    ],
)
def test_an_invalid_image_or_message_fails_the_job(machine: Machine, namespace: str, script: str, arguments: tuple[str, ...], reason: str) -> None:
    machine.batch.create_namespaced_job(namespace, build("bad", *arguments, script=script))
    assert conditions(finished(machine, namespace, "bad")) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    (pod,) = pods(machine, namespace, "bad")
    terminated = pod.status.container_statuses[0].state.terminated
    assert terminated.reason == "ImagePushFailed" and reason in terminated.message, terminated.message


def test_images_are_deleted_with_their_namespace(machine: Machine) -> None:
    namespace, other = machine.namespace(), machine.namespace()
    for where in (namespace, other):
        machine.batch.create_namespaced_job(where, build("build", "equal source"))
    for where in (namespace, other):
        assert conditions(finished(machine, where, "build")).get("Complete"), pods(machine, where, "build")
    images = machine.home / "knative" / "images" / "apps"
    (mine,), (theirs,) = (list((images / where).iterdir()) for where in (namespace, other))
    assert mine.name == theirs.name, "equal sources have equal digests"
    assert not os.path.samefile(mine / "rootfs/app.py", theirs / "rootfs/app.py"), "each application has its own copy"
    machine.core.delete_namespace(namespace)
    until(lambda: not (images / namespace).exists())
    until(lambda: not any((machine.home / "knative" / "trash").iterdir()))
    until(lambda: not list((images.parent / "removed").iterdir()))
    assert (theirs / "rootfs/app.py").exists()
    before = json.loads((machine.home / "knative" / "images.json").read_text())
    assert before["images"] == len(list(images.glob("*/*"))) and before["limit_bytes"] > before["bytes"] > 0


INIT = """
import os, pathlib
root = os.environ.get('CAPSULE_ROOT', '')
print(pathlib.Path(root + '/secret/key').read_text())
pathlib.Path(root + '/shared/file').write_text('from the first')
pathlib.Path(root + '/tmp/copy').write_text('of the key') if not root else None
pathlib.Path(root + '/dev/termination-log').write_text('cloned')
"""
MAIN = """
import os, pathlib
root = os.environ.get('CAPSULE_ROOT', '')
print(pathlib.Path(root + '/shared/file').read_text(), os.path.exists(root + '/secret/key'), os.path.exists(root + '/tmp/copy'))
"""


def with_init(name: str, first: str, second: str) -> Any:
    volumes = [{"name": "shared", "emptyDir": {}}, {"name": "key", "secret": {"secretName": "key"}}]
    shared = {"name": "shared", "mountPath": "/shared"}
    first_container = {
        "name": "first", "image": PLATFORM, "command": ["python", "-c", first], "volumeMounts": [shared, {"name": "key", "mountPath": "/secret"}],
    }  # fmt: skip
    return job(name, second, pod={"volumes": volumes, "initContainers": [first_container]}, volumeMounts=[shared], spec={"backoffLimit": 0})


def test_init_containers_run_first_and_share_only_what_both_mount(machine: Machine, namespace: str) -> None:
    machine.core.create_namespaced_secret(namespace, {"metadata": {"name": "key"}, "stringData": {"key": "the key"}})
    machine.batch.create_namespaced_job(namespace, with_init("two", INIT, MAIN))
    assert conditions(finished(machine, namespace, "two"))["Complete"]
    (pod,) = pods(machine, namespace, "two")
    first = pod.status.init_container_statuses[0]
    assert (first.name, first.ready, first.state.terminated.exit_code, first.state.terminated.message) == ("first", True, 0, "cloned")
    assert machine.core.read_namespaced_pod_log(pod.metadata.name, namespace, container="first") == "the key\n"
    assert machine.core.read_namespaced_pod_log(pod.metadata.name, namespace) == "from the first False False\n"


def test_a_failed_init_container_fails_the_pod(machine: Machine, namespace: str) -> None:
    machine.core.create_namespaced_secret(namespace, {"metadata": {"name": "key"}, "stringData": {"key": "the key"}})
    machine.batch.create_namespaced_job(namespace, with_init("stops", "raise SystemExit(3)", "print('never')"))
    assert conditions(finished(machine, namespace, "stops"))["Failed"] == "BackoffLimitExceeded"
    (pod,) = pods(machine, namespace, "stops")
    assert pod.status.phase == "Failed" and pod.status.init_container_statuses[0].state.terminated.exit_code == 3
    assert pod.status.container_statuses[0].state.waiting.reason == "PodInitializing"
    initialized = next(each for each in pod.status.conditions if each.type == "Initialized")
    assert initialized.status == "False"
