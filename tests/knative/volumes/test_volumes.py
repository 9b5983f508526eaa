"""Volumes of this machine: kept, limited, apart from each other, copied, and restored."""

import json
import signal
import subprocess
import time
from pathlib import Path

from kubernetes.client import ApiException

from tests.knative.machine import Machine, until
from tests.knative.volumes.conftest import MIB, bound, claim, claim_status, log, machine_with_volumes, run, snapshot, start
from tests.proof import proof

pytestmark = proof("volumes")
FILL = "dd if=/dev/zero of=/data/big bs=1M count=500 2>&1 | grep -o 'No space left on device'; df --output=avail /data | tail -1"


def test_files_belong_to_the_application_and_outlive_its_pods(machine: Machine) -> None:
    namespace = machine.namespace()
    claim(machine, namespace, "uploads")
    status = bound(machine, namespace, "uploads")
    assert int(status.capacity["storage"]) == 64 * MIB

    assert run(machine, namespace, "id -u; echo hello > /data/file && mkdir /data/sub && stat -c %u /data /data/file", {"uploads": "/data"}) == (
        "1000\n1000\n1000"
    )
    assert run(machine, namespace, "cat /data/file; test -d /data/sub && echo kept; echo >> /data/file && echo written", {"uploads": "/data"}) == (
        "hello\nkept\nwritten"
    )


def test_pods_share_a_volume_with_locks(machine: Machine) -> None:
    namespace = machine.namespace()
    claim(machine, namespace, "shared")
    bound(machine, namespace, "shared")
    holder = start(machine, namespace, "flock /data/lock sh -c 'echo held; sleep 4; echo first >> /data/order'", {"shared": "/data"})
    until(lambda: "held" in _log_or_empty(machine, namespace, holder))

    text = run(machine, namespace, "flock -n /data/lock true || echo locked; flock /data/lock cat /data/order", {"shared": "/data"})

    assert text == "locked\nfirst"


def test_a_full_volume_is_full_for_its_owner_only(machine: Machine) -> None:
    owner, other = machine.namespace(), machine.namespace()
    for namespace in (owner, other):
        claim(machine, namespace, "uploads")
        bound(machine, namespace, "uploads")
    assert run(machine, owner, FILL, {"uploads": "/data"}).startswith("No space left on device")
    assert run(machine, other, "echo fine > /data/a && cat /data/a; ls /data", {"uploads": "/data"}) == "fine\na"
    (image,) = [each for each in _images(machine) if each.stat().st_blocks * 512 > 40 * MIB]
    assert image.stat().st_blocks * 512 <= 64 * MIB

    def used() -> int:
        return int((_annotations(machine, owner, "uploads")).get("capsule.dev/used-bytes", 0))

    until(lambda: used() > 50 * MIB, 30)
    run(machine, owner, "rm /data/big; sync", {"uploads": "/data"})
    until(lambda: image.stat().st_blocks * 512 < 20 * MIB, 20)  # what is deleted returns to this machine


def test_a_volume_of_another_namespace_cannot_be_named(machine: Machine) -> None:
    owner, other = machine.namespace(), machine.namespace()
    claim(machine, owner, "uploads")
    bound(machine, owner, "uploads")
    job = start(machine, other, "ls /data", {"uploads": "/data"})

    def reason() -> str | None:
        for pod in machine.core.list_namespaced_pod(other, label_selector=f"job-name={job}").items:
            for status in (pod.status.container_statuses if pod.status else None) or []:
                if status.state.waiting:
                    return str(status.state.waiting.message)
        return None

    assert until(reason) == 'persistentvolumeclaim "uploads" not found'


def test_a_volume_grows_and_does_not_shrink(machine: Machine) -> None:
    namespace = machine.namespace()
    claim(machine, namespace, "uploads")
    bound(machine, namespace, "uploads")
    size = "cat /data/kept; df --output=size -BM /data | tail -1 | tr -d ' M'"
    assert int(run(machine, namespace, f"echo 0 > /data/kept; {size}", {"uploads": "/data"}).split()[-1]) < 64

    body = {"spec": {"resources": {"requests": {"storage": "200Mi"}}}}
    machine.core.patch_namespaced_persistent_volume_claim("uploads", namespace, body)

    until(lambda: int(claim_status(machine, namespace, "uploads").capacity["storage"]) == 200 * MIB)
    assert [int(each) > 150 for each in run(machine, namespace, size, {"uploads": "/data"}).split()] == [False, True]
    try:
        machine.core.patch_namespaced_persistent_volume_claim("uploads", namespace, {"spec": {"resources": {"requests": {"storage": "64Mi"}}}})
        raise AssertionError("a volume does not shrink")
    except ApiException as refused:
        assert refused.status == 422 and "can not be less than previous value" in refused.body


def test_a_volume_that_does_not_fit_is_refused(machine: Machine) -> None:
    namespace = machine.namespace()
    claim(machine, namespace, "huge", size_mib=100 << 20)
    until(lambda: (found := claim_status(machine, namespace, "huge")) and found.conditions)
    status = claim_status(machine, namespace, "huge")
    assert status.phase == "Pending" and "no room for" in status.conditions[0].message


def test_a_snapshot_is_one_moment_of_a_busy_volume(machine: Machine) -> None:
    """Each number is fsynced before the next is written: a copy of one moment has them without a gap."""
    namespace = machine.namespace()
    claim(machine, namespace, "uploads")
    bound(machine, namespace, "uploads")
    writer = start(machine, namespace, _writer(seconds=8), {"uploads": "/data"})
    until(lambda: len(_log_or_empty(machine, namespace, writer).splitlines()) > 20)

    snapshot(machine, namespace, "monday", "uploads")
    confirmed_before = len(_log_or_empty(machine, namespace, writer).splitlines())
    claim(machine, namespace, "restored", snapshot="monday")
    bound(machine, namespace, "restored")

    names = run(machine, namespace, "ls /data | sort -n | tr '\\n' ' '; cat /data/* | sort -un | wc -l", {"restored": "/data"}).split()
    *numbers, contents = names
    assert [int(each) for each in numbers] == list(range(len(numbers))) and len(numbers) >= 20 and len(numbers) - 1 <= int(contents) <= len(numbers)
    assert len(numbers) <= confirmed_before + 500


def test_what_was_fsynced_survives_kill_9_of_the_platform() -> None:
    with machine_with_volumes() as machine:
        namespace = machine.namespace()
        claim(machine, namespace, "uploads")
        bound(machine, namespace, "uploads")
        job = start(machine, namespace, _writer(seconds=60), {"uploads": "/data"})
        until(lambda: len(_log_or_empty(machine, namespace, job).splitlines()) > 50)
        folder = next((machine.home / "knative" / "pods" / namespace).iterdir())
        machine.stop(signal.SIGKILL)
        confirmed = max(int(line) for line in (folder / "run.log").read_text().split() if line.isdigit())

        machine.start()

        names = {int(each) for each in run(machine, namespace, "ls /data", {"uploads": "/data"}).split()}
        assert set(range(confirmed + 1)) <= names
        machine.core.delete_namespaced_persistent_volume_claim("uploads", namespace, _preload_content=False)
        until(lambda: not _images(machine))


def test_a_copy_that_was_interrupted_leaves_no_volume_frozen() -> None:
    """kill -9 between freeze and thaw: the next start thaws, so that writers go on."""
    with machine_with_volumes() as machine:
        namespace = machine.namespace()
        claim(machine, namespace, "uploads")
        bound(machine, namespace, "uploads")
        run(machine, namespace, "echo 1 > /data/a", {"uploads": "/data"})
        machine.stop(signal.SIGKILL)
        (mounted,) = (machine.home / "knative" / "volumes" / "mounted").iterdir()
        subprocess.run(["fsfreeze", "--freeze", mounted], check=True)

        machine.start()

        assert run(machine, namespace, "echo 2 > /data/a && cat /data/a", {"uploads": "/data"}) == "2"


def _writer(seconds: int) -> str:
    """Write files 0, 1, 2 … and print each number when its file is on the disk."""
    program = (
        "import os, time\n"
        f"end, number = time.time() + {seconds}, 0\n"
        "while time.time() < end:\n"
        "    with open(f'/data/{number}', 'w') as file:\n"
        "        file.write(f'{number}\\n'); file.flush(); os.fsync(file.fileno())\n"
        "    folder = os.open('/data', os.O_RDONLY); os.fsync(folder); os.close(folder)\n"
        "    print(number, flush=True); number += 1; time.sleep(0.005)\n"
    )
    return f"python - <<'END'\n{program}END"


def _log_or_empty(machine: Machine, namespace: str, job: str) -> str:
    try:
        return log(machine, namespace, job)
    except (ValueError, ApiException):  # its pod or its log does not exist yet
        time.sleep(0.05)
        return ""


def _images(machine: Machine) -> list[Path]:
    return list((machine.home / "knative" / "volumes").glob("*.img"))


def _annotations(machine: Machine, namespace: str, name: str) -> dict[str, str]:
    found = machine.core.read_namespaced_persistent_volume_claim(name, namespace, _preload_content=False)
    return (json.loads(found.data)["status"].get("annotations")) or {}
