"""`pods/attach`: the standard streams of a running container over a WebSocket (`functions.wire.attach_channels`).

As a kubelet does, whether there is a terminal follows from the container's specification, and not from the request. Only
containers with `stdin` or `tty` can be attached to here: the output of all others is in their log.
"""

import asyncio
from collections.abc import Callable

import orjson
from starlette.websockets import WebSocket

from functions.wire import attach_channels as channels
from knative.local.api.logs import FINISHED, container_of
from knative.local.api.status import bad_request, not_found
from knative.local.api.target import Target, flag
from knative.local.processes.streams import Attachment, Streams
from knative.local.store import Store

FindStreams = Callable[[str, str], Streams | None]
"""(namespace, pod) → its streams, while its container runs."""
SUCCESS = orjson.dumps({"metadata": {}, "status": "Success"})


class Attach:
    def __init__(self, store: Store, find_streams: FindStreams, closing: asyncio.Event) -> None:
        self._store, self._find_streams, self._closing = store, find_streams, closing

    async def serve(self, target: Target, websocket: WebSocket) -> None:
        """Pass bytes on until the container or the client ends. Raises StatusError before the connection is accepted."""
        streams = self._streams(target, websocket)
        query = websocket.query_params
        offered = websocket.scope.get("subprotocols") or []
        protocol = next((each for each in (channels.V5, channels.V4) if each in offered), None)
        if protocol is None:
            raise bad_request(f"unable to upgrade: none of the protocols {', '.join(offered) or '(none)'} is {channels.V5} or {channels.V4}")
        attachment = streams.attach(
            stdin=flag(query, "stdin"), stdout=flag({"stdout": "true", **query}, "stdout"), stderr=flag({"stderr": "true", **query}, "stderr")
        )
        try:
            await websocket.accept(protocol)
            await self._relay(websocket, attachment)
        finally:
            attachment.detach()

    def _streams(self, target: Target, websocket: WebSocket) -> Streams:
        pod = self._store.find("Pod", target.namespace, target.name)
        if pod is None:
            raise not_found(target.definition, target.name)
        container = container_of(pod, websocket.query_params.get("container"))
        phase = (pod.get("status") or {}).get("phase", "Pending")
        if phase in FINISHED:
            raise bad_request(f"cannot attach a container in a completed pod; current phase is {phase}")
        streams = self._find_streams(str(target.namespace), target.name)
        if streams is None:
            raise bad_request(f"container {container} of pod {target.name} is not running, or has neither stdin nor tty")
        return streams

    async def _relay(self, websocket: WebSocket, attachment: Attachment) -> None:
        """Return when the output has ended, the client has disconnected, or the API stops."""
        output, input, stop = (
            asyncio.ensure_future(each) for each in (_send(websocket, attachment), _receive(websocket, attachment), self._closing.wait())
        )
        await asyncio.wait({output, input, stop}, return_when=asyncio.FIRST_COMPLETED)
        is_complete = output.done() and output.exception() is None
        for task in (output, input, stop):
            task.cancel()
        await asyncio.gather(output, input, stop, return_exceptions=True)
        if is_complete:
            await websocket.send_bytes(channels.message(channels.ERROR, SUCCESS))
            await websocket.close()


async def _send(websocket: WebSocket, attachment: Attachment) -> None:
    while (item := await attachment.receive()) is not None:
        await websocket.send_bytes(channels.message(*item))


async def _receive(websocket: WebSocket, attachment: Attachment) -> None:
    while True:
        received = await websocket.receive()
        if received["type"] == "websocket.disconnect":
            return
        try:
            channel, data = channels.split(received.get("bytes") or received.get("text") or b"")
        except ValueError:
            continue
        if channel == channels.STDIN:
            await attachment.write(data)
        elif channel == channels.CLOSE and data[:1] == bytes((channels.STDIN,)):
            attachment.end_input()
        elif channel == channels.RESIZE and (size := channels.parse_size(data)) is not None:
            attachment.resize(size)
