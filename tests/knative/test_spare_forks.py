"""Children that the zygote forks before they are needed."""

import json
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from knative.local.processes import spare_forks
from knative.local.processes.launcher import launch_spec, memory_file
from knative.local.processes.process import Command
from knative.local.processes.spare_forks import MAX_FAILURES, SPARES, SPARES_AT_REST, SpareForks
from tests.knative.machine import until
from tests.knative.rehearsal import FAILING, HELD

PROJECT = Path(__file__).parents[2]


class Zygote:
    """A zygote without a platform, spoken to over its protocol."""

    def __init__(self, folder: Path, rehearsal: str) -> None:
        self.folder = folder
        self.log = folder / "zygote.log"
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = (
            "import os, sys; end = int(sys.argv[1]); os.dup2(end, 3); os.set_inheritable(end, False); "
            "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
        )
        command = [sys.executable, "-c", program, str(theirs.fileno()), "-m", "knative.local.processes.zygote_server", rehearsal, "json"]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(PROJECT)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, cwd=folder, stdout=log, stderr=log)
        theirs.close()
        self.channel.settimeout(60)
        assert self._receive() == {"ready": True}

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.channel.recv(4096))
        return message

    def children(self) -> set[int]:
        return {each.pid for each in psutil.Process(self.process.pid).children()}

    def rehearsed(self) -> set[int]:
        """Its spare children that have rehearsed: they wait for a message."""
        children = psutil.Process(self.process.pid).children()
        return {each.pid for each in children if "recv" in Path(f"/proc/{each.pid}/wchan").read_text() or each.status() == psutil.STATUS_SLEEPING}

    def release(self) -> None:
        """End that rehearsals are held."""
        (self.folder / HELD).unlink()
        for each in self.children():
            os.kill(each, signal.SIGCONT)

    def run(self, *arguments: str, listen: tuple[int, ...] = ()) -> tuple[int, dict[str, Any], int]:
        """Return (the pid that it reports, what the program found, its exit status)."""
        return self.finish(self.start(*arguments, listen=listen))

    def start(self, *arguments: str, listen: tuple[int, ...] = ()) -> int:
        """Return the end of a pipe to read the program's output from."""
        command = Command(("python", "-m", "tests.knative.rehearsed_program", *arguments), {"ONLY": "this"}, str(self.folder), listen=listen)
        reading, writing = os.pipe()
        spec = memory_file(marshal.dumps(launch_spec(command)))
        socket.send_fds(self.channel, [json.dumps({"request": 7}).encode()], [spec, writing, writing, *listen])
        for each in (spec, writing):
            os.close(each)
        return reading

    def finish(self, output_end: int) -> tuple[int, dict[str, Any], int]:
        """Return what `run` does, of a program that `start` has started."""
        started = self._receive()
        with os.fdopen(output_end) as output:
            text = output.read()
        ended = self._receive()
        assert started["request"] == 7 and ended["pid"] == started["pid"]
        return started["pid"], json.loads(text), ended["status"]


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Zygote]:
    found = Zygote(tmp_path, "tests.knative.rehearsal")
    yield found
    found.channel.close()
    assert found.process.wait(20) == 0


def test_a_request_goes_to_a_child_that_has_rehearsed(zygote: Zygote) -> None:
    until(lambda: len(zygote.rehearsed()) == SPARES_AT_REST)
    spares = zygote.children()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        pid, found, status = zygote.run("first", listen=(listening.fileno(),))
    assert pid in spares and status == 0
    assert found["pid"] == found["rehearsed_in"] == pid
    assert found["argv"] == ["first"]
    assert found["has_kept"], "what a library opened in the rehearsal is still where it was"
    assert {name for name in found["environment"] if name != "LC_CTYPE"} == {"ONLY", "LISTEN_FDS", "LISTEN_PID"}
    assert found["environment"]["LISTEN_PID"] == str(pid)
    assert found["descriptors"] == [0, 1, 2, 3], "nothing of the zygote, its channel and its other children"
    until(lambda: len(zygote.rehearsed()) == SPARES)
    assert pid not in zygote.children(), "more are likely to follow"


def test_a_request_that_finds_no_spare_is_forked(zygote: Zygote) -> None:
    until(lambda: len(zygote.rehearsed()) == SPARES_AT_REST)
    (zygote.folder / HELD).touch()  # no other spare is ready, however long a run takes
    runs = [zygote.run() for _ in range(SPARES_AT_REST + 1)]
    zygote.release()
    assert [found["rehearsed_in"] for _, found, _ in runs] == [pid for pid, _, _ in runs[:SPARES_AT_REST]] + [None]
    assert runs[-1][1]["descriptors"] == [0, 1, 2] and runs[-1][2] == 0


def test_a_spare_that_was_ready_just_before_the_request_gets_it(tmp_path: Path) -> None:
    (tmp_path / HELD).touch()
    zygote = Zygote(tmp_path, "tests.knative.rehearsal")
    until(lambda: any(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in zygote.children()))
    os.kill(zygote.process.pid, signal.SIGSTOP)  # the byte and the request wait for it together
    (spare,) = zygote.children()
    zygote.release()
    until(lambda: zygote.rehearsed() == {spare})
    output_end = zygote.start()
    os.kill(zygote.process.pid, signal.SIGCONT)
    assert zygote.finish(output_end)[1]["rehearsed_in"] == spare
    zygote.channel.close()
    assert zygote.process.wait(20) == 0


def test_a_spare_that_was_killed_is_not_given_a_request(zygote: Zygote) -> None:
    until(lambda: len(zygote.rehearsed()) == SPARES_AT_REST)
    for each in [psutil.Process(pid) for pid in zygote.children()]:
        each.kill()
        until(lambda each=each: not each.is_running() or each.status() == psutil.STATUS_ZOMBIE)
    assert zygote.run()[1]["rehearsed_in"] is None
    until(lambda: len(zygote.rehearsed()) == SPARES)


def test_spares_end_with_the_zygote(zygote: Zygote) -> None:
    until(lambda: len(zygote.rehearsed()) == SPARES_AT_REST)
    spares = [psutil.Process(pid) for pid in zygote.children()]
    os.kill(zygote.process.pid, signal.SIGTERM)
    zygote.process.wait(20)
    until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in spares))
    zygote.process.returncode = 0


def test_rehearsals_that_fail_are_not_repeated_for_ever(tmp_path: Path) -> None:
    (tmp_path / FAILING).touch()
    zygote = Zygote(tmp_path, "tests.knative.rehearsal")
    until(lambda: f"{MAX_FAILURES} spare children ended by themselves" in zygote.log.read_text(), 30)
    assert zygote.run()[1]["rehearsed_in"] is None
    zygote.channel.close()
    assert zygote.process.wait(20) == 0


def test_without_a_rehearsal_there_are_none(tmp_path: Path) -> None:
    zygote = Zygote(tmp_path, "")
    assert zygote.run()[1]["rehearsed_in"] is None and not zygote.children()
    zygote.channel.close()
    assert zygote.process.wait(20) == 0


AT_REST = """
import os, select
from knative.local.processes import spare_forks

def spares():
    with open("/proc/self/task/%d/children" % os.getpid()) as children:
        return len(children.read().split())

spare_forks.REST_SECONDS = spare_forks.BUSY_SECONDS = 0.0
poll = select.poll()
forks = spare_forks.SpareForks("tests.knative.rehearsal", poll)
counts = []
assert forks.hand_over(b"a request", []) is None
for _ in range(spare_forks.SPARES + 2):
    if (channel := forks.adjust()) is not None:
        forks.wait(channel)
    counts.append((spares(), forks.timeout_ms))
print(counts)
"""


def test_at_rest_there_are_fewer() -> None:
    done = subprocess.run([sys.executable, "-c", AT_REST], capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == str([*((count, 1000) for count in range(1, SPARES)), (SPARES, 0.0), (1, None), (1, None)])


@pytest.mark.parametrize(("idle_share", "busy_seconds", "is_forked"), [(0.1, 60.0, False), (0.3, 60.0, True), (0.1, 0.0, True)])
def test_they_wait_while_the_processors_are_busy(monkeypatch: pytest.MonkeyPatch, idle_share: float, busy_seconds: float, is_forked: bool) -> None:
    ticks, forked = iter([(0, 0), (int(idle_share * 200), 200)]), []
    monkeypatch.setattr(spare_forks, "_processor_ticks", lambda: next(ticks))
    monkeypatch.setattr(spare_forks, "BUSY_SECONDS", busy_seconds)
    monkeypatch.setattr(spare_forks, "SPARES_AT_REST", 0)
    monkeypatch.setattr(SpareForks, "_fork", lambda _: forked.append("spare"))
    forks = SpareForks("tests.knative.rehearsal", select.poll())
    assert forks.hand_over(b"a request", []) is None
    forks.adjust()
    assert bool(forked) is is_forked
