"""The one-machine Knative's end of the zygote: starts it when it is first needed, again when it died, and asks it for forks."""

import asyncio
import itertools
import json
import logging
import marshal
import os
import socket
import sys
from pathlib import Path

from knative.local.images import PROJECT
from knative.local.launcher import Launcher, in_memory, orders
from knative.local.processes import Command, Process, Unstartable
from knative.local.sandbox.plan import Sandbox

log = logging.getLogger(__name__)


def can_fork(command: Command) -> bool:
    """`python -m module …` of the platform itself; a sandbox needs a program of its own."""
    return command.sandbox is None and len(command.argv) > 2 and command.argv[0] == "python" and command.argv[1] == "-m"


class Zygote:
    def __init__(self, log_file: Path, launcher: Launcher, modules: tuple[str, ...] | None = None) -> None:
        self._log_file = log_file
        self._launcher = launcher
        self.view: Sandbox | None = None
        """What it and its children see of the file system; None: everything that its user sees."""
        self._modules = modules
        self._channel: socket.socket | None = None
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._starting = asyncio.Lock()
        self._orders: dict[int, asyncio.Future[int]] = {}
        self._children: dict[int, Process] = {}
        self._numbers = itertools.count(1)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.alive else None

    async def start(self, command: Command, stdout: int, stderr: int) -> Process:
        await self.ready()
        number, spec = next(self._numbers), in_memory(marshal.dumps(orders(command)))
        answer = self._orders[number] = asyncio.get_running_loop().create_future()
        try:
            if self._channel is None:
                raise Unstartable("the warmed parent is gone")
            socket.send_fds(self._channel, [json.dumps({"order": number}).encode()], [spec, stdout, stderr, *command.listen])
            pid = await asyncio.wait_for(answer, 10)
        except (OSError, TimeoutError) as error:
            raise Unstartable(f"the warmed parent does not answer: {error!r}") from error
        finally:
            os.close(spec)
            self._orders.pop(number, None)
        return self._children[pid]

    async def ready(self) -> None:
        async with self._starting:
            if self._channel is None:
                await self._launch()
            try:
                await asyncio.wait_for(self._ready.wait(), 60)
            except TimeoutError as error:
                raise Unstartable(f"the warmed parent did not start; see {self._log_file}") from error
            if self._channel is None:
                raise Unstartable(f"the warmed parent ended while starting; see {self._log_file}")

    async def _launch(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        output = os.open(self._log_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        env = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
        if self._modules is not None:
            env["CAPSULE_WARM_MODULES"] = ",".join(self._modules)
        command = Command((sys.executable, "-m", __package__ + ".zygote"), env, str(PROJECT), sandbox=self.view, listen=(theirs.fileno(),))
        try:
            self._process = await self._launcher.start(command, output, output)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(output)
        self._channel = ours
        self._ready.clear()
        asyncio.get_running_loop().add_reader(ours, self._readable)

    def _readable(self) -> None:
        assert self._channel is not None
        while True:
            try:
                message = self._channel.recv(4096)
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("the warmed parent's socket failed: %s", error)
                message = b""
            if not message:
                self._lost()
                return
            self._told(json.loads(message))

    def _told(self, said: dict[str, int]) -> None:
        if "ready" in said:
            self._ready.set()
        elif "order" in said:
            pid = said["pid"]
            process = self._children[pid] = Process(pid)
            answer = self._orders.get(said["order"])
            if answer is not None and not answer.done():
                answer.set_result(pid)
            else:  # nobody waits for it any more
                process.signal(9)
        elif said["pid"] in self._children:
            self._children.pop(said["pid"]).finish(said["status"])

    def _lost(self) -> None:
        """It died: its children are ours now (we are their subreaper) and are followed directly."""
        if self._channel is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._channel = None
        self._ready.set()
        if self._children:
            log.warning("the warmed parent died; its %d pods live on", len(self._children))
        for process in self._children.values():
            process.follow()
        self._children.clear()
        for answer in self._orders.values():
            if not answer.done():
                answer.set_exception(Unstartable("the warmed parent died"))

    async def stop(self) -> None:
        if self._channel is not None:
            process = self._process
            self._lost()
            if process is not None:
                try:
                    await asyncio.wait_for(asyncio.shield(process.ended), 5)
                except TimeoutError:
                    process.signal(9)
                    await process.ended
