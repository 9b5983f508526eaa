"""Children of the zygote that were forked before it was known what for.

A fork shares the memory of its parent until it writes to a page, and Python writes to every object that it uses (reference counts). Copying those
pages is half of what a forked function does before its first answer. A spare child calls the rehearsal, a function that uses what every program of
the platform uses, and then waits for what it is to run. It is what any fork is at its start: without a user of its own, a connection or a secret.

Each has a socket. A byte from the child says that it has rehearsed; a message to it is the request, with its descriptors. It ends when the
zygote does.
"""

import importlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

SPARES_AT_REST, SPARES = 1, 6
"""Each takes 12 MB. After a request more are likely to come, so for REST_SECONDS there are more: a command with its event starts seven functions."""
REST_SECONDS = 120.0
QUIET_MS = 1000
"""A spare is forked when nothing has happened for so long: those that were taken are needed first, and use the processor."""
BUSY_SECONDS, MIN_IDLE_SHARE = 10.0, 0.2
"""After a request, spares wait for so long at most until the processors have been idle for this share of a second. Six rehearsals take 0.3 s of CPU,
which what came with the request needs more."""
MAX_FAILURES = 3
"""Spares in a row that ended by themselves; then every fork is made when it is needed."""
MAX_DESCRIPTORS = 16
LISTENING_DESCRIPTORS = range(3, 11)
"""Numbers of the listening sockets that a child inherits (sd_listen_fds(3))."""


@dataclass(slots=True)
class Spare:
    pid: int
    pidfd: int
    channel: socket.socket
    is_ready: bool = False


class SpareForks:
    """The zygote's end. `rehearsal`: a module with a function `rehearse`; empty: there are no spares."""

    def __init__(self, rehearsal: str, poll: select.poll) -> None:
        self._rehearsal, self._poll = rehearsal, poll
        self._spares: list[Spare] = []
        self._failures = 0
        self._rests_at = 0.0
        """On the monotonic clock; 0: it rests."""
        self._waits_until = 0.0
        """On the monotonic clock: spares that are missing do not wait for the processors any longer."""
        self._ticks = (0, 0)
        """Idle ones, and all, when the zygote has last looked."""

    @property
    def _is_missing(self) -> bool:
        count = SPARES if self._rests_at else SPARES_AT_REST
        return bool(self._rehearsal) and len(self._spares) < count and self._failures < MAX_FAILURES

    @property
    def timeout_ms(self) -> float | None:
        """How long the zygote may wait before it calls `adjust`; None: as long as it likes."""
        if self._is_missing:
            return QUIET_MS
        return max(self._rests_at - time.monotonic(), 0.0) * 1000 if self._rests_at else None

    @property
    def descriptors(self) -> list[int]:
        """What every other fork closes."""
        return [each for spare in self._spares for each in (spare.pidfd, spare.channel.fileno())]

    def adjust(self) -> socket.socket | None:
        """Fork a spare if one is missing, or end those that are too many at rest. Returns its end of the socket in the child, None in the zygote."""
        if self._is_missing:
            return None if self._is_machine_busy() else self._fork()
        if self._rests_at <= time.monotonic():
            self._rests_at = 0.0
            for spare in self._spares[SPARES_AT_REST:]:
                self._remove(spare)
                spare.channel.close()
                os.kill(spare.pid, signal.SIGKILL)
                self._end(spare)
        return None

    def _is_machine_busy(self) -> bool:
        (idle_before, before), self._ticks = self._ticks, _processor_ticks()
        idle, total = self._ticks[0] - idle_before, self._ticks[1] - before
        return time.monotonic() < self._waits_until and idle < total * MIN_IDLE_SHARE

    def _fork(self) -> socket.socket | None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            ours.close()
            return theirs
        theirs.close()
        spare = Spare(pid, os.pidfd_open(pid), ours)
        self._spares.append(spare)
        for each in (spare.pidfd, ours.fileno()):
            self._poll.register(each, select.POLLIN)
        return None

    def hand_over(self, message: bytes, descriptors: list[int]) -> tuple[int, int] | None:
        """Give a request to a spare that has rehearsed. Returns its (pid, pidfd), which the poll follows; None: there is none."""
        now = time.monotonic()
        if not self._is_missing:
            self._waits_until, self._ticks = now + BUSY_SECONDS, _processor_ticks()
        self._rests_at = now + REST_SECONDS
        for spare in [each for each in self._spares if each.is_ready]:
            self._remove(spare)
            try:
                socket.send_fds(spare.channel, [message], descriptors)
            except OSError:  # it has just been killed
                self._end(spare)
                continue
            finally:
                spare.channel.close()
            return spare.pid, spare.pidfd
        return None

    def on_readable(self, descriptor: int) -> bool:
        """Handle what a spare says, or its end. Returns whether the descriptor is one of a spare."""
        for spare in self._spares:
            if descriptor == spare.channel.fileno() and spare.channel.recv(1):
                spare.is_ready, self._failures = True, 0
                return True
            if descriptor in (spare.pidfd, spare.channel.fileno()):
                self._remove(spare)
                spare.channel.close()
                self._end(spare)
                self._failures += 1
                if self._failures == MAX_FAILURES:
                    print(f"zygote: {MAX_FAILURES} spare children ended by themselves; no more are forked", file=sys.stderr, flush=True)
                return True
        return False

    def _remove(self, spare: Spare) -> None:
        self._spares.remove(spare)
        self._poll.unregister(spare.channel.fileno())

    def _end(self, spare: Spare) -> None:
        self._poll.unregister(spare.pidfd)
        os.close(spare.pidfd)
        os.waitpid(spare.pid, 0)

    def wait(self, channel: socket.socket) -> list[int]:
        """In a spare: rehearse, then return the descriptors of its request. Exits if the zygote ends before."""
        reserved = _reserve(LISTENING_DESCRIPTORS)
        importlib.import_module(self._rehearsal).rehearse()
        try:
            channel.send(b"r")
            message, descriptors, _, _ = socket.recv_fds(channel, 4096, MAX_DESCRIPTORS)
        except (BrokenPipeError, ConnectionResetError):  # the zygote has ended, before it has read that byte
            os._exit(0)
        channel.close()
        if not message:
            os._exit(0)
        for each in reserved:
            os.close(each)
        return descriptors


def _processor_ticks() -> tuple[int, int]:
    """Return how long all processors have been idle, and have run, in ticks (proc(5), /proc/stat)."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, idle, waiting, *interrupts = map(int, file.readline().split()[1:9])
    return idle + waiting, user + nice + system + idle + waiting + sum(interrupts)


def _reserve(numbers: Iterable[int]) -> list[int]:
    """Take those of these descriptors that are free, and return them.

    Libraries keep what they open at their first use: libuv a pipe that is its lock. A listening socket in its place would be the end of it.
    """
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    reserved = [number for number in numbers if number != null and not os.path.lexists(f"/proc/self/fd/{number}")]
    for each in reserved:
        os.dup2(null, each, inheritable=False)
    if null in numbers:
        return [*reserved, null]
    os.close(null)
    return reserved
