"""Jobs through the API: ends, retries, deadlines, deletion."""

import signal
import time

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.knative.jobs.objects import conditions, finished, job, pods
from tests.knative.machine import Machine, alive, until
from tests.proof import proof

WRITE_MESSAGE = """
import os
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


def test_a_job_has_its_time_to_stop(machine: Machine, namespace: str) -> None:
    """One-off commands and scheduled runs that take too long. A Job that is deleted ends its pod in the same way."""
    stop = "def stop(*_):\n    time.sleep(1)\n    print('stopped', flush=True)\n    sys.exit(7)"
    script = f"import signal, sys, time\n{stop}\nsignal.signal(signal.SIGTERM, stop)\nprint('up', flush=True)\ntime.sleep(60)"
    pod = {"terminationGracePeriodSeconds": 60}
    machine.batch.create_namespaced_job(namespace, job("stops", script, spec={"activeDeadlineSeconds": 5}, pod=pod))
    assert conditions(finished(machine, namespace, "stops"))["Failed"] == "DeadlineExceeded"
    (found,) = pods(machine, namespace, "stops")
    assert machine.core.read_namespaced_pod_log(found.metadata.name, namespace) == "up\nstopped\n"
    assert found.status.container_statuses[0].state.terminated.exit_code == 7


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
