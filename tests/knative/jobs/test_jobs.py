"""Jobs through the API, as the deploy context runs builds."""

import json
import os
import signal
import time
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from knative.local.images.tree import measure
from knative.local.unpacking.unpacker import Limits
from tests.knative.machine import PLATFORM, Machine, alive, service, until
from tests.proof import proof


def job(
    name: str, script: str, *, spec: dict[str, Any] | None = None, pod: dict[str, Any] | None = None, annotations: Any = None, **container: Any
) -> Any:
    template = {
        "metadata": {"annotations": annotations or {}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": PLATFORM, "command": ["python", "-c", script], **container}],
            **(pod or {}),
        },
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **(spec or {})}}


def finished(machine: Machine, namespace: str, name: str, seconds: float = 30) -> client.V1Job:
    def look() -> client.V1Job | None:
        job_object = machine.batch.read_namespaced_job(name, namespace)
        return job_object if {each.type for each in job_object.status.conditions or []} & {"Complete", "Failed"} else None

    return until(look, seconds)


def conditions(job_object: client.V1Job) -> dict[str, str]:
    return {each.type: each.reason for each in job_object.status.conditions if each.status == "True"}


def pods(machine: Machine, namespace: str, name: str) -> list[client.V1Pod]:
    job_object: list[client.V1Pod] = machine.core.list_namespaced_pod(namespace, label_selector=f"job-name={name}").items
    return job_object


WRITE_MESSAGE = """
import os
from tests.proof import proof
print('a line')
open(os.environ.get('CAPSULE_ROOT', '') + '/dev/termination-log', 'w').write('the message')
"""


@pytest.mark.parametrize("where", ["capsule", "tenant"])
def test_a_completed_job_has_its_termination_message_and_log(machine: Machine, namespace: str, where: str) -> None:
    space = "capsule" if where == "capsule" else namespace
    name = f"speaks-{namespace}"
    machine.batch.create_namespaced_job(space, job(name, WRITE_MESSAGE))
    job_object = finished(machine, space, name)
    assert conditions(job_object) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert job_object.status.succeeded == 1 and job_object.status.completion_time and not job_object.status.active
    (pod,) = pods(machine, space, name)
    terminated = pod.status.container_statuses[0].state.terminated
    assert (pod.status.phase, terminated.exit_code, terminated.reason, terminated.message) == ("Succeeded", 0, "Completed", "the message")
    assert machine.core.read_namespaced_pod_log(pod.metadata.name, space) == "a line\n"
    machine.batch.delete_namespaced_job(name, space, propagation_policy="Background")
    until(lambda: not pods(machine, space, name))
    until(lambda: not (machine.home / "knative" / "pods" / space / pod.metadata.name).exists())


def test_a_failing_job_is_retried_up_to_its_backoff_limit(machine: Machine, namespace: str) -> None:
    script = "import sys; print('the reason'); sys.exit(4)"
    spec = {"backoffLimit": 1}
    machine.batch.create_namespaced_job(namespace, job("fails", script, spec=spec, terminationMessagePolicy="FallbackToLogsOnError"))
    job_object = finished(machine, namespace, "fails")
    assert conditions(job_object) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert job_object.status.failed == 2
    for pod in pods(machine, namespace, "fails"):
        terminated = pod.status.container_statuses[0].state.terminated
        assert (pod.status.phase, terminated.exit_code, terminated.message) == ("Failed", 4, "the reason")


def test_a_job_is_stopped_at_its_deadline(machine: Machine, namespace: str) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    pod = {"terminationGracePeriodSeconds": 1}
    machine.batch.create_namespaced_job(namespace, job("slow", script, spec={"activeDeadlineSeconds": 2}, pod=pod))
    pid = _pid(machine, namespace)
    job_object = finished(machine, namespace, "slow")
    assert conditions(job_object)["Failed"] == "DeadlineExceeded"
    assert not alive(pid)


def test_deleting_a_job_ends_its_processes(machine: Machine, namespace: str) -> None:
    script = "import subprocess, time; subprocess.Popen(['sleep', '60'], start_new_session=True); print('up', flush=True); time.sleep(60)"
    machine.batch.create_namespaced_job(namespace, job("gone", script))
    pid = _pid(machine, namespace)
    (pod,) = pods(machine, namespace, "gone")
    until(lambda: "up" in machine.core.read_namespaced_pod_log(pod.metadata.name, namespace))
    machine.batch.delete_namespaced_job("gone", namespace, propagation_policy="Background")
    until(lambda: not alive(pid))
    until(lambda: not pods(machine, namespace, "gone"))


def test_a_finished_job_is_deleted_after_its_ttl(machine: Machine, namespace: str) -> None:
    machine.batch.create_namespaced_job(namespace, job("brief", "pass", spec={"ttlSecondsAfterFinished": 2}))
    finished(machine, namespace, "brief")

    def is_deleted() -> bool:
        try:
            machine.batch.read_namespaced_job("brief", namespace)
        except ApiException as error:
            return error.status == 404
        return False

    until(is_deleted, 10)
    until(lambda: not pods(machine, namespace, "brief"))


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


def test_a_job_whose_image_was_deleted_fails_at_once(machine: Machine, namespace: str) -> None:
    gone = "capsule.local/apps/shop@sha256:" + "0" * 64
    machine.batch.create_namespaced_job(namespace, job("gone", "pass", spec={"backoffLimit": 0}, image=gone))
    assert conditions(finished(machine, namespace, "gone"))["Failed"] == "BackoffLimitExceeded"
    (pod,) = pods(machine, namespace, "gone")
    terminated = pod.status.container_statuses[0].state.terminated
    assert (terminated.exit_code, terminated.reason) == (128, "ImagePullBackOff")
    assert terminated.message == f'image "{gone}" is no longer kept on this machine. Deploy its commit again.'


@proof("recovery")
def test_a_job_is_restarted_after_the_machine_was_killed(own_machine: Machine) -> None:
    machine = own_machine
    namespace = machine.namespace()
    script = "import time; print('up', flush=True); time.sleep(4)"
    machine.batch.create_namespaced_job(namespace, job("again", script, spec={"backoffLimit": 0}))
    pid = _pid(machine, namespace)
    machine.stop(signal.SIGKILL)
    machine.start()
    assert not alive(pid)
    job_object = finished(machine, namespace, "again")
    assert "Complete" in conditions(job_object), "the end of the machine is not a failure of the Job"
    phases = sorted(pod.status.phase for pod in pods(machine, namespace, "again"))
    assert phases == ["Failed", "Succeeded"]


def test_pods_of_jobs_call_the_api_with_their_service_account(machine: Machine, namespace: str) -> None:
    """Only in the platform's namespace: pods of tenants cannot reach the API."""
    reader, namespace = f"reader-{namespace}", "capsule"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    machine.core.create_namespaced_service_account(namespace, {"metadata": {"name": reader}})
    machine.core.create_namespaced_config_map(namespace, {"metadata": {"name": reader}, "data": {"a": "b"}})
    rbac = client.RbacAuthorizationV1Api(machine.api)
    rbac.create_namespaced_role(namespace, {"metadata": {"name": reader}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": reader, "namespace": namespace}
    binding = {
        "metadata": {"name": reader},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": reader},
        "subjects": [subject],
    }
    rbac.create_namespaced_role_binding(namespace, binding)
    script = f"""
from kubernetes import client, config
config.load_config()
core = client.CoreV1Api()
print(core.read_namespaced_config_map('{reader}', '{namespace}').data['a'])
try:
    core.list_namespaced_secret('{namespace}')
except client.ApiException as error:
    print(error.status)
"""
    machine.batch.create_namespaced_job(namespace, job(reader, script, pod={"serviceAccountName": reader}))
    finished(machine, namespace, reader)
    (pod,) = pods(machine, namespace, reader)
    assert machine.core.read_namespaced_pod_log(pod.metadata.name, namespace) == "b\n403\n"


def _pid(machine: Machine, namespace: str) -> int:
    (job_object,) = until(lambda: machine.pids(namespace))
    time.sleep(0.3)
    assert alive(job_object)
    return job_object


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
