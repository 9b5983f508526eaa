"""What a kill leaves does not keep servers from starting: orphans, lost and torn records, stale locks, taken ports."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from knative.local.processes.control_groups import ControlGroups, existing_groups, group_names
from knative.local.processes.procfs import boot_id, start_time_ticks
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.trash import Trash
from knative.local.volumes.images import VolumeImages
from knative.machine import leftovers, packages, processes
from knative.machine.down import down, reset
from knative.machine.home import Home, Ports
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from knative.machine.progress import Progress
from knative.machine.redis_server import Redis
from tests.journeys.whole import until
from tests.servers import discard, fresh_home

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path, Ports(), dict(os.environ))
    home.create()
    yield home
    processes.terminate(leftovers.find_leftovers(home), timeout_seconds=0)


@pytest.mark.parametrize("torn", ["", "{", "[]", '"postgres"', '{"name": "sleeper"}', '{"name": "sleeper", "pid": 1, "started": 0, "more": 1}'])
def test_a_torn_record_is_no_record(home: Home, torn: str) -> None:
    processes.record_path(home, "sleeper").write_text(torn)
    assert processes.find_running(home, "sleeper") is None
    assert processes.stop(home, "sleeper") is False


def test_a_server_is_found_after_the_clock_was_set(home: Home) -> None:
    started = processes.start(home, "sleeper", SLEEPER)
    path = processes.record_path(home, "sleeper")
    path.write_text(json.dumps({**json.loads(path.read_text()), "started": 1.0}))
    assert (found := processes.find_running(home, "sleeper")) is not None and found.pid == started.pid


def test_a_record_of_another_boot_names_no_process(home: Home) -> None:
    processes.start(home, "sleeper", SLEEPER)
    path = processes.record_path(home, "sleeper")
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "another"}))
    assert processes.find_running(home, "sleeper") is None


def test_a_record_of_version_0_2_0_is_read(home: Home) -> None:
    started = processes.start(home, "sleeper", SLEEPER)
    record = {"name": "sleeper", "pid": started.pid, "started": started.create_time()}
    processes.record_path(home, "sleeper").write_text(json.dumps(record))
    assert processes.find_running(home, "sleeper") is not None


def test_the_remains_of_one_server_are_killed_and_no_other(home: Home) -> None:
    lost, kept = (processes.start(home, name, SLEEPER) for name in ("lost", "kept"))
    processes.record_path(home, "lost").unlink()
    leftovers.kill_remains(home, "lost")
    assert lost.wait(5) in (None, -signal.SIGKILL)
    assert processes.find_running(home, "kept") == kept


def test_a_pod_that_has_ended_is_no_leftover_while_its_parent_does_not_wait_for_it(home: Home) -> None:
    pod = subprocess.Popen(SLEEPER, start_new_session=True)
    record = home.path / "knative" / "pods" / "app" / "web" / "process.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"boot": boot_id(), "pid": pod.pid, "started": start_time_ticks(pod.pid)}))
    assert [each.pid for each in leftovers.find_pods(home)] == [pod.pid]
    pod.kill()
    until(lambda: psutil.Process(pod.pid).status() == psutil.STATUS_ZOMBIE, 10, "for the end of the pod")
    assert leftovers.find_pods(home) == []
    pod.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="control groups need root")
def test_a_pod_without_a_record_is_found_by_its_control_group(home: Home) -> None:
    groups = ControlGroups(group_names(home.path)[0])
    if not groups.are_available:
        pytest.skip("this machine gives no control groups")
    group = groups.create("pod", ResourceLimits())
    assert group is not None
    pod = subprocess.Popen(SLEEPER)
    try:
        for folder in group.folders:
            (folder / "cgroup.procs").write_text(str(pod.pid))
        assert [process.pid for process in leftovers.find_pods(home)] == [pod.pid]
        leftovers.kill_pods(home)
        assert pod.wait(5) == -signal.SIGKILL
    finally:
        pod.kill()
        pod.wait()
        groups.remove()
    assert existing_groups(home.path) == []


def running(server: PostgreSQL) -> psutil.Process:
    process = processes.find_running(server.home, server.name)
    assert process is not None
    return process


def test_postgresql_starts_after_a_kill_that_left_its_children_and_its_lock(own_postgres: PostgreSQL) -> None:
    """Its record is lost too, so that nothing follows the server that holds the port; the pid in the lock belongs to another process by now."""
    home = own_postgres.home
    postmaster = running(own_postgres)
    processes.record_path(home, "postgres").unlink()
    own_postgres.start()
    assert not postmaster.is_running()

    children = []
    for child in running(own_postgres).children():
        with suppress(psutil.NoSuchProcess):  # the backend of a session that has just ended
            child.suspend()  # an orphan that does not notice the end of its parent
            children.append(child)
    assert children
    running(own_postgres).kill()
    lock = own_postgres.data / "postmaster.pid"
    account = {"user": lock.stat().st_uid, "group": lock.stat().st_gid} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["/bin/sleep", "60"], **account)
    try:
        lock.write_text(lock.read_text().replace(lock.read_text().split()[0], str(stranger.pid), 1))
        own_postgres.start()
        assert processes.wait_until_ended(children, 0) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_postgresql_that_someone_else_started_on_the_data_is_named(own_postgres: PostgreSQL) -> None:
    own_postgres.stop()
    program, user = packages.find_postgres(), (own_postgres.data / "PG_VERSION").stat().st_uid
    command = [f"{program}/postgres", "-D", str(own_postgres.data), "-p", str(own_postgres.home.ports.stripe)]
    other = subprocess.Popen(command, stderr=subprocess.DEVNULL, **({"user": user} if os.geteuid() == 0 else {}))
    try:
        until(lambda: leftovers.find_locking_pid(own_postgres.data) == other.pid)
        with pytest.raises(Problem, match=rf"Another PostgreSQL \(pid {other.pid}\)"):
            own_postgres.start()
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGINT)
        other.wait()
    own_postgres.start()


def test_a_process_that_is_being_killed_while_it_is_found_is_started_again(home: Home) -> None:
    dying = processes.start(home, "sleeper", SLEEPER)
    started: list[psutil.Process] = []

    def is_ready() -> bool:
        if not started:
            dying.kill()
            dying.wait(5)
        return bool(started)

    processes.ensure_ready(home, "sleeper", lambda: started.append(processes.start(home, "sleeper", SLEEPER)), is_ready)
    assert [processes.find_running(home, "sleeper")] == started


SLOW_TO_END = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit())); print('runs', flush=True); time.sleep(60)"
)


def interrupt_stop(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a `down` that is killed after it has sent the signal."""

    def terminate(signalled: list[psutil.Process], **_: object) -> None:
        signalled[0].terminate()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(processes, "terminate", terminate)
        processes.stop(home, "sleeper")


def test_a_process_that_an_interrupted_down_has_signalled_is_started_again_after_its_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = processes.start(home, "sleeper", [sys.executable, "-c", SLOW_TO_END])
    until(lambda: processes.log_tail(home, "sleeper") == "runs")
    interrupt_stop(home, monkeypatch)
    assert processes.find_running(home, "sleeper") == ending
    started: list[psutil.Process] = []
    processes.ensure_ready(home, "sleeper", lambda: started.append(processes.start(home, "sleeper", SLEEPER)), lambda: True)
    assert [processes.find_running(home, "sleeper")] == started
    assert not processes.wait_until_ended([ending], 0)


def test_a_process_that_does_not_end_is_named_and_not_started_twice(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = processes.start(home, "sleeper", [sys.executable, "-c", SLOW_TO_END.replace("sys.exit()", "None")])
    until(lambda: processes.log_tail(home, "sleeper") == "runs")
    interrupt_stop(home, monkeypatch)
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.1)
    with pytest.raises(Problem, match=rf"sleeper is ending, and has not ended in 0 s \(pid {stubborn.pid}\)"):
        processes.ensure_ready(home, "sleeper", lambda: None, lambda: True)


def test_down_removes_the_control_groups_of_a_platform_that_was_killed(home: Home) -> None:
    groups = ControlGroups(group_names(home.path)[0])
    if groups.are_available:
        groups.create("pod", ResourceLimits())
    leftovers.remove_control_groups(home)
    assert existing_groups(home.path) == []


def test_a_redis_without_a_record_is_found_by_its_mark() -> None:
    packages.install([packages.REDIS], print)
    home = fresh_home()
    home.create()
    try:
        server = Redis(home)
        server.start()
        processes.record_path(home, server.name).unlink()
        [found] = leftovers.find_leftovers(home)
        assert "redis" in found.name()
        leftovers.kill_remains(home, server.name)
        assert leftovers.find_leftovers(home) == []
    finally:
        discard(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a volume")
def test_volumes_of_a_killed_knative_are_unmounted_by_down_so_that_reset_deletes_them(home: Home) -> None:
    folder = home.path / "knative" / "volumes"
    folder.mkdir(parents=True)
    images = VolumeImages(folder, Trash(home.path / "knative" / "trash"))
    images.open(())
    images.create("uploads", 16 << 20)
    (images.mount("uploads") / "photo").write_text("kept")
    down(home, Progress(Console(quiet=True)))
    assert not images.mount_point("uploads").exists() and images.image("uploads").exists(), "data stays"
    images.mount("uploads")
    reset(home, Progress(Console(quiet=True)))
    assert not folder.exists()
