"""Before a container starts: image, network, files, sandbox. After it has ended: its termination message."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from knative.local.images import Image
from knative.local.images.ports import ConfinedRunner, Program
from knative.local.objects import Object
from knative.local.serving import build_access
from knative.local.serving.confined_programs import EndedContainer, read_all
from knative.local.serving.naming import DATA_SERVICES, POSTGRES_PORT, REDIS_PORT
from knative.local.serving.node import Node
from knative.local.serving.pods.container import ContainerSetup, PreparedContainer
from knative.local.serving.pods.environment import MissingReference
from knative.local.serving.pods.exit import MAX_MESSAGE_BYTES
from knative.local.serving.pods.network import Listen, PodNetwork
from knative.local.serving.pods.probes import container_port
from knative.local.serving.pods.writable import read_bounded

DETACH_SECONDS = 10.0
READER_MEMORY_BYTES = 64 << 20
READER_SECONDS = 10.0


def network_of(node: Node, object: Object, port: int | None) -> PodNetwork:
    """Return the network of a pod, which `prepare` opens. `port`: where requests go; None: to a socket that the container inherits, or nowhere."""
    is_build = node.is_build(object)
    access = build_access.of(object["spec"]["containers"][0], node.settings.ingress_port) if is_build else build_access.NOTHING
    services = {} if is_build else service_listeners(node, object)
    return PodNetwork(node.pod_networks, node.isolation if node.has_networks else None, port, access, services)


def service_listeners(node: Node, object: Object) -> dict[int, Listen]:
    """The ports of a pod's loopback at which it reaches the servers of its data services: the usual ports of these."""
    names = str((object["metadata"].get("annotations") or {}).get(DATA_SERVICES, "")).split(",")
    found: dict[int, Listen] = {}
    if "postgres" in names:
        found[POSTGRES_PORT] = node.postgres_services.listen_for_pod
    if "redis" in names:
        found[REDIS_PORT] = node.redis_services.listen_for_pod
    return found


async def prepare(node: Node, setup: ContainerSetup, network: PodNetwork, env: Mapping[str, str]) -> tuple[Image, PreparedContainer]:
    """Find the image, open the network, create files and plan the sandbox.

    `env`: variables from the pod's owner, such as PORT.

    Raises UnknownImage, NetworkSetupError, MissingReference, IdentitiesExhausted.
    """
    image = await node.images.resolve(setup.container["image"], setup.namespace)
    named_by_image = image.own_root.port if image.own_root is not None else 0
    port = container_port(setup.container) if setup.container.get("ports") else named_by_image or container_port(setup.container)
    await network.open(setup.is_sandboxed(image), port)
    await _await_detached(setup)
    await setup.attach_claims(image)
    if network.network is not None and "PORT" in env:
        env = {**env, "PORT": str(port)}
    return image, setup.prepare(image, env, network.network)


async def _await_detached(setup: ContainerSetup) -> None:
    """A volume's disk can be attached only once, and the kernel detaches that of the previous container a moment after its last process."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DETACH_SECONDS
    while setup.storage.is_attached():
        if loop.time() > deadline:
            raise MissingReference("MountVolume.SetUp failed: a disk of this pod is still attached to a container that has ended")
        await asyncio.sleep(0.01)


async def read_termination_message(prepared: PreparedContainer, programs: ConfinedRunner, ended: EndedContainer | None) -> bytes:
    """Return what a container that has ended wrote to its termination path, at most MAX_MESSAGE_BYTES.

    On a disk image, a process of the container's own user reads it. An image with a root of its own has no program for
    that: its last output is the message. Raises OSError when that process fails.
    """
    if prepared.termination_file is not None:
        return read_bounded(Path(prepared.termination_file), MAX_MESSAGE_BYTES)
    if ended is None or ended.sandbox.has_own_root:
        return b""
    reading, writing = os.pipe()
    output = asyncio.create_task(read_all(reading, MAX_MESSAGE_BYTES))
    program = Program(
        argv=("head", "-c", str(MAX_MESSAGE_BYTES), prepared.termination_path),
        container=ended,
        stdout=writing,
        memory_bytes=READER_MEMORY_BYTES,
        timeout_seconds=READER_SECONDS,
    )
    try:
        result = await programs.run(program)
    finally:
        os.close(writing)
    message = await output
    if result.code:
        raise OSError(f"code {result.code}: {result.stderr}")
    return message
