"""What a pod's network reaches: private addresses only if they were granted, and never this machine, whatever its addresses become."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from knative.local.processes.network.namespaces import Network, create_network, own_addresses
from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from knative.local.serving.build_access import BuildAccess
from knative.local.serving.pods.network import PodNetworks
from tests.knative.sandbox.conftest import HAS_NETWORKS
from tests.proof import proof

pytestmark = [
    pytest.mark.skipif(not HAS_NETWORKS, reason="no sandbox with a network of its own here"),
    pytest.mark.parametrize("isolation", [Isolation.ROOT, Isolation.BUBBLEWRAP] if os.geteuid() == 0 else [detect()]),
]
alters_the_machine = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="interfaces are root's to make")
SERVE = """
import socket, sys
server = socket.create_server((sys.argv[1], 9000))
print("ready", flush=True)
while True: server.accept()[0].close()
"""


def ip(*arguments: str) -> None:
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


async def connection_error(network: Network, address: str, port: int) -> str:
    """Return "" when a connection succeeds, else why not."""
    with network.socket() as one:
        try:
            async with asyncio.timeout(10):
                await asyncio.get_running_loop().sock_connect(one, (address, port))
        except (OSError, TimeoutError) as error:
            return type(error).__name__ + str(error)
        return ""


@asynccontextmanager
async def open_network(isolation: Isolation, **options: object) -> AsyncIterator[Network]:
    network = await create_network(isolation, **options)  # type: ignore[arg-type]
    try:
        yield network
    finally:
        await network.close()


@dataclass(frozen=True)
class Private:
    here: str
    """This machine's address in it."""
    address: str
    """Of another machine, which listens on port 9000."""
    network: str


@pytest.fixture
def private() -> Iterator[Private]:
    """A private network with another machine in it: a network namespace at the other end of a veth pair."""
    name = f"c{uuid.uuid4().hex[:8]}"
    found = Private("10.213.77.1", "10.213.77.2", "10.213.77.0/24")
    ip("netns", "add", name)
    try:
        ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        ip("addr", "add", f"{found.here}/24", "dev", f"{name}a")
        ip("link", "set", f"{name}a", "up")
        ip("-n", name, "addr", "add", f"{found.address}/24", "dev", f"{name}b")
        ip("-n", name, "link", "set", f"{name}b", "up")
        command = ["ip", "netns", "exec", name, sys.executable, "-c", SERVE, found.address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None and server.stdout.readline() == "ready\n"
                yield found
            finally:
                server.kill()
    finally:
        ip("netns", "delete", name)


@alters_the_machine
@proof("tenant-isolation")
async def test_only_the_build_that_was_granted_a_private_address_reaches_it(isolation: Isolation, private: Private) -> None:
    with socket.create_connection((private.address, 9000), timeout=5):
        pass  # from this machine it answers, or the test proves nothing
    async with open_network(isolation) as application, open_network(isolation, granted_addresses=[private.address, private.here]) as build:
        assert "No route to host" in await connection_error(application, private.address, 9000)
        assert await connection_error(build, private.address, 9000) == ""
        with socket.create_server((private.here, 0)) as ours:
            assert "No route to host" in await connection_error(build, private.here, ours.getsockname()[1]), "this machine cannot be granted"
    async with open_network(isolation, allowed_networks=[private.network]) as opened:
        assert await connection_error(opened, private.address, 9000) == ""
        with socket.create_server((private.here, 0)) as ours:
            assert "No route to host" in await connection_error(opened, private.here, ours.getsockname()[1])


@alters_the_machine
@proof("tenant-isolation")
async def test_a_later_address_of_the_machine_is_refused_too(isolation: Isolation) -> None:
    address = f"192.0.2.{201 + os.getpid() % 50}"
    networks = PodNetworks()
    network = await networks.open(isolation, BuildAccess())
    try:
        with socket.create_server(("0.0.0.0", 0)) as ours:
            ip("addr", "add", f"{address}/32", "dev", "lo")
            async with asyncio.timeout(10):
                while "No route to host" not in await connection_error(network, address, ours.getsockname()[1]):  # noqa: ASYNC110 - the kernel tells of it
                    await asyncio.sleep(0.05)
        assert address in own_addresses()
    finally:
        ip("addr", "delete", f"{address}/32", "dev", "lo")
        await networks.close(network)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.1", "192.168.1.1", "100.64.0.1", "100.127.255.1", "198.18.0.1", "198.19.255.1"),
        *("169.254.169.254", "169.254.170.2", "192.0.0.192", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("10.0.2.1", "10.0.2.4", "10.0.2.100", "10.0.2.127", "10.0.2.129", "10.0.2.254"),
    ],
)
async def test_private_and_special_addresses_are_unreachable(isolation: Isolation, address: str) -> None:
    async with open_network(isolation) as network:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            assert await refused_by_the_kernel(network, address, kind), address


async def refused_by_the_kernel(network: Network, address: str, kind: int) -> bool:
    """Return whether the kernel refuses at once, before a packet leaves. 10.0.2.100 is the pod itself, on which nothing listens."""
    if kind == socket.SOCK_DGRAM:
        return "unreachable" in route_to(network, address) or address == "10.0.2.100"
    error = await connection_error(network, address, 80)
    return any(word in error for word in ("No route to host", "Network is unreachable", "Permission denied", "Connect call failed", "refused"))


def route_to(network: Network, address: str) -> str:
    namespaces = [f"--{'user' if place.endswith('/user') else 'net'}={place}" for place in network.join]
    result = subprocess.run(["nsenter", "--preserve-credentials", *namespaces, "ip", "route", "get", address], capture_output=True, text=True)
    return "unreachable" if "No route to host" in result.stderr or "unreachable" in result.stderr else result.stdout + result.stderr
