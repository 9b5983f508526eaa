"""A build that may mount gets nothing of this machine, and no program of a tenant but buildah and RUN runs in it."""

import json

from tests.knative.containers.conftest import ANNOTATIONS, ImageMachine
from tests.knative.jobs.objects import finished, job, pods
from tests.knative.sandbox.conftest import attempts_on, run_neighbour, run_platform

RUNS_AS = (
    "import os, pathlib; print('AS', os.getuid(), [line for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd', 'Seccomp:'))])"
)
SETUP = f"{RUNS_AS}\nimport ctypes; print('MOUNTS', ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None))\nraise SystemExit(3)\n"
PROJECT = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def test_a_program_that_may_mount_gets_nothing_of_this_machine(image_machine: ImageMachine) -> None:
    machine = image_machine.machine
    run_platform(machine)
    neighbour = run_neighbour(machine)
    tried = [each for each in attempts_on(machine, neighbour) if each[0] not in ("root", "own_secrets")]
    volumes = [{"name": "workspace", "emptyDir": {"sizeLimit": "64Mi"}}]
    body = job(
        "mounts", "", command=["python", "-m", "tests.knative.containers.hostile", json.dumps(tried)], annotations=ANNOTATIONS,
        pod={"volumes": volumes},
        spec={"backoffLimit": 0}, volumeMounts=[{"name": "workspace", "mountPath": "/workspace"}], securityContext={"readOnlyRootFilesystem": True},
    )  # fmt: skip
    machine.batch.create_namespaced_job(image_machine.namespace, body)
    finished(machine, image_machine.namespace, "mounts", 60)
    (pod,) = pods(machine, image_machine.namespace, "mounts")
    log = machine.core.read_namespaced_pod_log(pod.metadata.name, image_machine.namespace)
    facts, got = (json.loads(next(line for line in log.splitlines() if line.startswith(word)).partition(" ")[2]) for word in ("FACTS", "GOT"))
    assert facts == {"uid": 0, "tmpfs": True}, "the test would prove nothing"
    assert got == [], log


def test_an_installer_runs_as_an_ordinary_user_with_the_usual_filter(image_machine: ImageMachine) -> None:
    files: dict[str, str | bytes] = {"pyproject.toml": PROJECT, "backend.py": SETUP, "Procfile": "web: python -m x", "Dockerfile": "FROM scratch\n"}
    built = image_machine.build(files)
    assert built.code == 1 and "AS 1000" in built.log, built.log
    assert "CapEff:\\t0000000000000000" in built.log and "CapBnd:\\t0000000000000000" in built.log and "MOUNTS -1" in built.log


def test_a_build_with_another_builder_may_not_mount(image_machine: ImageMachine) -> None:
    built = image_machine.build({"Dockerfile": "FROM scratch\n"}, BUILDER="native")
    assert built.message["reason"] in ("not-recognized", "unsupported"), built.log
