"""A network namespace for each pod of a tenant: a loopback of its own, and egress that does not lead back to this machine.

On a cluster a pod has an address of its own. Here it has a network namespace, so nothing that listens on this machine's
loopback (the database, the broker, the API, other applications, debuggers, abstract sockets of a desktop) exists in it.
Requests come in through sockets that are created inside the namespace, without a relay. Egress is slirp4netns(1), a
user-space network that needs no root, no forwarding and no firewall rule of the host; 10.0.2.3 answers for the
machine's resolver. Routes refuse private networks, this machine's own addresses (also those that it gets while the pod
runs) and everything that is not a unicast address of the internet (`routes`). Egress is IPv4 only.

As root, the platform enters the namespaces itself. Otherwise a small process (`holder`) creates one inside a user
namespace and hands out sockets. Without slirp4netns pods share the machine's network, and `up` reports it: without
egress nothing could be built.
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

from knative.local.processes.network import holder
from knative.local.processes.network.addresses import own_addresses
from knative.local.processes.network.holder import CLONE_NEWNET, IPV4, IPV6, add_link_route, add_route_through, refuse, set_up
from knative.local.processes.network.routes import GATEWAY, RESOLVER_ADDRESS, SLIRP_HALVES, RoutePlan
from knative.local.sandbox.plan import Isolation

RESOLV_CONF = f"nameserver {RESOLVER_ADDRESS}\n"
DEVICE = "tap0"
TUNNEL = "/dev/net/tun"
TIMEOUT_SECONDS = 10.0
HOLDER_PROGRAM = str(Path(holder.__file__))


class NetworkSetupError(Exception):
    """The network could not be created. The message says why and how to fix it."""


class Network(Protocol):
    @property
    def join(self) -> tuple[str, ...]:
        """Paths of the namespaces that a process of the pod enters, in this order."""
        ...

    def socket(self, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
        """Create a non-blocking TCP socket inside the namespace. Raises OSError."""
        ...

    def refuse(self, addresses: Iterable[str]) -> None:
        """Make these addresses unreachable from now on. Idempotent. Raises OSError."""
        ...

    async def close(self) -> None: ...


def slirp4netns_program() -> str | None:
    """Return the path of slirp4netns; None when it is not installed."""
    return shutil.which("slirp4netns", path=os.environ.get("PATH", os.defpath) + ":/usr/bin:/usr/sbin")


async def create_network(isolation: Isolation, allowed_networks: Iterable[str] = (), granted_addresses: Iterable[str] = ()) -> Network:
    """Create a network with egress.

    `allowed_networks`: private networks that every pod reaches. `granted_addresses`: private addresses that this pod
    reaches. Raises NetworkSetupError.
    """
    plan = RoutePlan.of(own_addresses(), allowed_networks, granted_addresses)
    try:
        network = await (_RootNetwork.create(plan.refused) if isolation is Isolation.ROOT else _UserNetwork.create(plan.refused))
    except (OSError, TimeoutError, subprocess.SubprocessError) as error:
        raise NetworkSetupError(f"the pod's network cannot be created: {error}") from error
    try:
        await network.start_egress()
        network.open_routes(plan.through_gateway)
    except (OSError, TimeoutError) as error:
        await network.close()
        raise NetworkSetupError(f"slirp4netns does not start: {str(error) or type(error).__name__}") from error
    except BaseException:
        await network.close()
        raise
    return network


class _SlirpNetwork(ABC):
    """A network whose egress is slirp4netns."""

    def __init__(self) -> None:
        self._slirp: subprocess.Popen[bytes] | None = None
        self._exit_pipe: int | None = None

    @abstractmethod
    def socket(self, family: socket.AddressFamily = socket.AF_INET) -> socket.socket: ...

    def open_routes(self, through_gateway: Iterable[str]) -> None:
        """Route to the gateway, the resolver and, through the gateway, `through_gateway`.

        The rest of slirp's own network is refused. Raises OSError.
        """
        with self.socket() as control:
            for address in (GATEWAY, RESOLVER_ADDRESS):
                add_link_route(control, f"{address}/32", DEVICE)
            for network in SLIRP_HALVES:
                refuse(control, network)
            for network in through_gateway:
                add_route_through(control, network, GATEWAY)

    def refuse(self, addresses: Iterable[str]) -> None:
        with self.socket() as control:
            for address in addresses:
                refuse(control, f"{address}/32")

    @abstractmethod
    def _namespace_arguments(self) -> list[str]:
        """Arguments that tell slirp4netns which namespaces to use."""

    async def start_egress(self) -> None:
        """Raises OSError, TimeoutError."""
        program = slirp4netns_program()
        if program is None:
            raise OSError("it is not installed: apt-get install slirp4netns")
        if not os.access(TUNNEL, os.R_OK | os.W_OK):
            raise OSError(f"{TUNNEL} does not exist or this user cannot open it. As root: modprobe tun && chmod 666 {TUNNEL} (its usual mode)")
        ready, ready_end = os.pipe()
        exit_end, self._exit_pipe = os.pipe()  # slirp4netns exits when this end is closed, also when this process dies
        arguments = ["--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={ready_end}", f"--exit-fd={exit_end}"]
        try:
            self._slirp = subprocess.Popen(  # noqa: ASYNC220 - it does not wait for the program
                [program, *arguments, *self._namespace_arguments(), DEVICE],
                pass_fds=(ready_end, exit_end),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath},
                start_new_session=True,
            )
        finally:
            os.close(ready_end)
            os.close(exit_end)
        try:
            await asyncio.wait_for(_readable(ready), TIMEOUT_SECONDS)
            if os.read(ready, 1) != b"1":
                raise OSError("it ended at once")
        finally:
            os.close(ready)

    async def close(self) -> None:
        if self._exit_pipe is not None:
            os.close(self._exit_pipe)
            self._exit_pipe = None
        if self._slirp is not None:
            await _await_exit(self._slirp)
            self._slirp = None


class _RootNetwork(_SlirpNetwork):
    """For root: a short-lived thread creates the namespace, a descriptor keeps it."""

    def __init__(self, namespace: int) -> None:
        super().__init__()
        self._namespace = namespace

    @classmethod
    async def create(cls, refused: Iterable[str]) -> "_RootNetwork":
        loop = asyncio.get_running_loop()
        created: asyncio.Future[int] = loop.create_future()

        def work() -> None:
            try:
                _call(_libc().unshare(CLONE_NEWNET), "unshare")
                set_up(list(refused))
                descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                loop.call_soon_threadsafe(created.set_exception, error)
            else:
                loop.call_soon_threadsafe(created.set_result, descriptor)

        threading.Thread(target=work, name="create a network namespace").start()
        return cls(await created)

    @property
    def join(self) -> tuple[str, ...]:
        return (f"/proc/{os.getpid()}/fd/{self._namespace}",)

    def _namespace_arguments(self) -> list[str]:
        return ["--enable-sandbox", "--netns-type=path", *self.join]

    def socket(self, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
        """Created on this thread, which enters the namespace for one system call."""
        libc = _libc()
        own_namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call(libc.setns(self._namespace, CLONE_NEWNET), "setns")
            try:
                return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            finally:
                _call(libc.setns(own_namespace, CLONE_NEWNET), "setns")
        finally:
            os.close(own_namespace)

    async def close(self) -> None:
        await super().close()
        if self._namespace >= 0:
            os.close(self._namespace)
            self._namespace = -1


class _UserNetwork(_SlirpNetwork):
    """For other users: the holder process lives in the namespaces and creates the sockets."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: socket.socket) -> None:
        super().__init__()
        self._holder, self._channel = process, channel

    @classmethod
    async def create(cls, refused: Iterable[str]) -> "_UserNetwork":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-I", "-S", HOLDER_PROGRAM, *refused]
        with theirs:
            process = subprocess.Popen(argv, stdin=theirs.fileno(), env={"PATH": os.defpath}, start_new_session=True)  # noqa: ASYNC220 - it does not wait
        network = cls(process, ours)
        try:
            await asyncio.wait_for(_readable(ours.fileno()), TIMEOUT_SECONDS)
            if ours.recv(16) != b"ready":
                raise OSError("user namespaces are not allowed")
        except BaseException:
            await network.close()
            raise
        ours.settimeout(TIMEOUT_SECONDS)
        return network

    @property
    def join(self) -> tuple[str, ...]:
        return tuple(f"/proc/{self._holder.pid}/ns/{kind}" for kind in ("user", "net"))

    def _namespace_arguments(self) -> list[str]:
        user, net = self.join
        return [f"--userns-path={user}", "--netns-type=path", net]

    def socket(self, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
        self._channel.send(IPV6 if family == socket.AF_INET6 else IPV4)
        _, descriptors, _, _ = socket.recv_fds(self._channel, 16, 1)
        if not descriptors:
            raise ConnectionError("the pod's network has ended")
        created = socket.socket(fileno=descriptors[0])
        created.setblocking(False)
        return created

    async def close(self) -> None:
        await super().close()
        self._channel.close()
        await _await_exit(self._holder)


async def _await_exit(process: "subprocess.Popen[bytes]") -> None:
    """Wait half a second for a process whose channel is closed, then kill it."""
    for _ in range(50):
        if process.poll() is not None:
            return
        await asyncio.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    is_readable: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        if not is_readable.done():
            is_readable.set_result(None)

    loop.add_reader(descriptor, readable)
    try:
        await is_readable
    finally:
        loop.remove_reader(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(result: int, name: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
