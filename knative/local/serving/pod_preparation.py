"""Before a container starts and after it has ended: what it is given, and the last words that it left."""

import asyncio
import os
from collections.abc import Mapping

from knative.local.images import Image
from knative.local.images.ports import ConfinedRunner
from knative.local.serving.confined import Visit, read_all
from knative.local.serving.container import Box, Prepared
from knative.local.serving.environment import Missing
from knative.local.serving.node import Node
from knative.local.serving.pod_exit import MESSAGE_BYTES
from knative.local.serving.pod_network import Way
from knative.local.serving.writable import read_bounded

DETACH_SECONDS = 10.0
READER_MEMORY_BYTES = 64 << 20
READER_SECONDS = 10.0


async def prepare(node: Node, box: Box, way: Way, given: Mapping[str, str]) -> tuple[Image, Prepared]:
    """Finds the image, opens the network, lays out files and plans the sandbox. Raises UnknownImage, Unconnected, Missing, Exhausted."""
    image = await node.images.resolve(box.container["image"], box.namespace)
    await way.open(box.boxed(image))
    await _await_detached(box)
    return image, box.prepare(image, given, way.network)


async def _await_detached(box: Box) -> None:
    """A volume's disk is attached once at a time; the one of the container before this one goes a moment after its last process."""
    loop = asyncio.get_running_loop()
    until = loop.time() + DETACH_SECONDS
    while box.places.is_attached():
        if loop.time() > until:
            raise Missing("MountVolume.SetUp failed: a disk of this pod is still attached to a container that has ended")
        await asyncio.sleep(0.01)


async def last_words(prepared: Prepared, programs: ConfinedRunner, visit: Visit | None) -> bytes:
    """What a container that has ended wrote to its termination path, at most MESSAGE_BYTES. On a disk, a process of its own user reads it.

    Raises OSError when that process fails.
    """
    if prepared.termination is not None:
        return read_bounded(prepared.termination, MESSAGE_BYTES)
    if visit is None:
        return b""
    reading, writing = os.pipe()
    output = asyncio.create_task(read_all(reading, MESSAGE_BYTES))
    words = ["head", "-c", str(MESSAGE_BYTES), prepared.last_words]
    try:
        finished = await programs.run(
            words,
            identity=visit,
            readable=(),
            writable=(),
            stdin=None,
            stdout=writing,
            memory_bytes=READER_MEMORY_BYTES,
            timeout_seconds=READER_SECONDS,
        )
    finally:
        os.close(writing)
    found = await output
    if finished.code:
        raise OSError(f"code {finished.code}: {finished.stderr}")
    return found
