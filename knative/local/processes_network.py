"""A network of its own for each pod of a tenant: a loopback that is nobody else's, and a way out that does not lead back to this machine.

On a cluster a pod has an address of its own; here it has a network namespace, so whatever listens on this machine's loopback (our database,
our broker, our API, other applications, debuggers, abstract sockets of a desktop) is not there. The ingress comes in through sockets that are
made inside of the namespace: no relay, no copy. The way out is slirp4netns, a user-space network that needs no root, no forwarding and no
firewall rule of the host; 10.0.2.3 answers for the machine's resolver. Routes refuse private networks, this machine's own addresses (also those
that it gets while the pod lives) and what is no unicast address of the internet (`processes_network_routes`). Only IPv4 leads out.

As root the namespaces are ours to enter. Otherwise a small process (`processes_network_holder`) has made one with a user namespace around it,
and hands out sockets. Without slirp4netns nothing of this is done, and `up` says so: a namespace without a way out would build nothing.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from knative.local.processes_network_addresses import own_addresses
from knative.local.processes_network_holder import CLONE_NEWNET, prepare, refuse, send_on_link, send_through
from knative.local.processes_network_routes import GATEWAY, HALVES, RESOLVER_ADDRESS, RoutePlan
from knative.local.sandbox.isolation import Isolation

RESOLVER = f"nameserver {RESOLVER_ADDRESS}\n"
DEVICE = "tap0"
TUNNEL = "/dev/net/tun"
PATIENCE = 10.0
HOLDER = str(Path(__file__).with_name("processes_network_holder.py"))
_HOME = "/proc/self/ns/net"
__all__ = ["RESOLVER", "Network", "Unconnected", "connect", "own_addresses", "way_out"]


class Unconnected(Exception):
    """The network could not be made."""


class Network(Protocol):
    @property
    def join(self) -> tuple[str, ...]:
        """The namespaces that a process of the pod enters, in this order."""
        ...

    def socket(self) -> socket.socket:
        """A TCP socket inside, not blocking. Raises OSError."""
        ...

    def refuse(self, addresses: Iterable[str]) -> None:
        """From now on these are unreachable. Raises OSError."""
        ...

    async def close(self) -> None: ...


def way_out() -> str | None:
    return shutil.which("slirp4netns", path=os.environ.get("PATH", os.defpath) + ":/usr/bin:/usr/sbin")


async def connect(isolation: Isolation, allowed: Iterable[str] = (), given: Iterable[str] = ()) -> Network:
    """A network whose way out is open. `allowed`: private networks that every pod reaches; `given`: private addresses that this one reaches.

    Raises Unconnected.
    """
    plan = RoutePlan.of(own_addresses(), allowed, given)
    try:
        network = await (_Entered.make(plan.refused) if isolation is Isolation.ROOT else _Held.make(plan.refused))
    except (OSError, TimeoutError, subprocess.SubprocessError) as error:
        raise Unconnected(f"the pod's network cannot be made: {error}") from error
    try:
        await network.lead_out()
        network.open_routes(plan.through_gateway)
    except (OSError, TimeoutError) as error:
        await network.close()
        raise Unconnected(f"slirp4netns does not start: {str(error) or type(error).__name__}") from error
    except BaseException:
        await network.close()
        raise
    return network


class _Outside(ABC):
    """Both have the same way out."""

    def __init__(self) -> None:
        self._out: subprocess.Popen[bytes] | None = None
        self._hold: int | None = None

    @abstractmethod
    def socket(self) -> socket.socket: ...

    def open_routes(self, through_gateway: Iterable[str]) -> None:
        """Of slirp4netns's own network only the gateway and the resolver are reached; through the gateway also what was given. Raises OSError."""
        with self.socket() as control:
            for address in (GATEWAY, RESOLVER_ADDRESS):
                send_on_link(control, f"{address}/32", DEVICE)
            for network in HALVES:
                refuse(control, network)
            for network in through_gateway:
                send_through(control, network, GATEWAY)

    def refuse(self, addresses: Iterable[str]) -> None:
        with self.socket() as control:
            for address in addresses:
                refuse(control, f"{address}/32")

    @abstractmethod
    def _names(self) -> list[str]:
        """The words that tell the program which namespaces are meant."""

    async def lead_out(self) -> None:
        program = way_out()
        if program is None:
            raise OSError("it is not installed: apt-get install slirp4netns")
        if not os.access(TUNNEL, os.R_OK | os.W_OK):
            raise OSError(f"{TUNNEL} is not there or not open to this user: as root, modprobe tun && chmod 666 {TUNNEL}, which is its usual mode")
        ready, says = os.pipe()
        ends, self._hold = os.pipe()  # it ends when our end is closed, so also when we die
        words = [program, "--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={says}", f"--exit-fd={ends}"]
        try:
            self._out = subprocess.Popen(  # noqa: ASYNC220 - it does not wait for the program
                [*words, *self._names(), DEVICE],
                pass_fds=(says, ends),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath},
                start_new_session=True,
            )
        finally:
            os.close(says)
            os.close(ends)
        try:
            await asyncio.wait_for(_readable(ready), PATIENCE)
            if os.read(ready, 1) != b"1":
                raise OSError("it ended at once")
        finally:
            os.close(ready)

    async def close(self) -> None:
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None
        if self._out is not None:
            await _end(self._out)
            self._out = None


class _Entered(_Outside):
    """As root: a thread makes the namespace and ends, a descriptor keeps it."""

    def __init__(self, namespace: int) -> None:
        super().__init__()
        self._namespace = namespace

    @classmethod
    async def make(cls, refused: Iterable[str]) -> "_Entered":
        made: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def work() -> None:
            try:
                _call(_libc().unshare(CLONE_NEWNET), "unshare")
                prepare(list(refused))
                found = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                loop.call_soon_threadsafe(made.set_exception, error)
            else:
                loop.call_soon_threadsafe(made.set_result, found)

        threading.Thread(target=work, name="makes a network").start()
        return cls(await made)

    @property
    def join(self) -> tuple[str, ...]:
        return (f"/proc/{os.getpid()}/fd/{self._namespace}",)

    def _names(self) -> list[str]:
        return ["--enable-sandbox", "--netns-type=path", *self.join]

    def socket(self) -> socket.socket:
        """Made on this thread, which is elsewhere for two system calls."""
        libc = _libc()
        home = os.open(_HOME.replace("self", "thread-self"), os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call(libc.setns(self._namespace, CLONE_NEWNET), "setns")
            try:
                return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            finally:
                _call(libc.setns(home, CLONE_NEWNET), "setns")
        finally:
            os.close(home)

    async def close(self) -> None:
        await super().close()
        if self._namespace >= 0:
            os.close(self._namespace)
            self._namespace = -1


class _Held(_Outside):
    """Not as root: a process of ours lives in the namespaces and makes the sockets."""

    def __init__(self, holder: "subprocess.Popen[bytes]", channel: socket.socket) -> None:
        super().__init__()
        self._holder, self._channel = holder, channel

    @classmethod
    async def make(cls, refused: Iterable[str]) -> "_Held":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, "-I", "-S", HOLDER, *refused]
        with theirs:
            holder = subprocess.Popen(words, stdin=theirs.fileno(), env={"PATH": os.defpath}, start_new_session=True)  # noqa: ASYNC220 - it does not wait
        found = cls(holder, ours)
        try:
            await asyncio.wait_for(_readable(ours.fileno()), PATIENCE)
            if ours.recv(16) != b"ready":
                raise OSError("user namespaces are not allowed")
        except BaseException:
            await found.close()
            raise
        ours.settimeout(PATIENCE)
        return found

    @property
    def join(self) -> tuple[str, ...]:
        return tuple(f"/proc/{self._holder.pid}/ns/{kind}" for kind in ("user", "net"))

    def _names(self) -> list[str]:
        user, net = self.join
        return [f"--userns-path={user}", "--netns-type=path", net]

    def socket(self) -> socket.socket:
        self._channel.send(b"socket")
        _, descriptors, _, _ = socket.recv_fds(self._channel, 16, 1)
        if not descriptors:
            raise ConnectionError("the pod's network is gone")
        made = socket.socket(fileno=descriptors[0])
        made.setblocking(False)
        return made

    async def close(self) -> None:
        await super().close()
        self._channel.close()
        await _end(self._holder)


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """It ends by itself, its channel being closed; if not, by force."""
    for _ in range(50):
        if process.poll() is not None:
            return
        await asyncio.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    found: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        if not found.done():
            found.set_result(None)

    loop.add_reader(descriptor, readable)
    try:
        await found
    finally:
        loop.remove_reader(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
