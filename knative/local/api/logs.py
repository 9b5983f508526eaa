"""Pod logs, from the files that the makers of pods write: one for each container, lines in the form of the container runtime interface
(`<rfc3339nano> stdout F <line>`)."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request

from knative.local.api.status import bad_request, not_found
from knative.local.api.target import Target, flag, number
from knative.local.objects import Object
from knative.local.store import Store

LOOK_AGAIN_SECONDS = 0.1
PIECE = 1 << 16
FINISHED = ("Succeeded", "Failed")


class Logs:
    def __init__(self, store: Store, pods: Path, closing: asyncio.Event) -> None:
        self._store = store
        self._pods = pods
        self._closing = closing

    def read(self, target: Target, request: Request) -> AsyncIterator[bytes]:
        query = request.query_params
        pod = self._store.find("Pod", target.namespace, target.name)
        if pod is None:
            raise not_found(target.definition, target.name)
        container = self._container(pod, query.get("container"))
        if flag(query, "previous"):
            raise bad_request(f'previous terminated container "{container}" in pod "{target.name}" not found')
        path = self._pods / str(target.namespace) / target.name / f"{container}.log"
        if not path.exists() and (pod.get("status") or {}).get("phase", "Pending") == "Pending":
            raise bad_request(f'container "{container}" in pod "{target.name}" is waiting to start: ContainerCreating')
        since = _since(query.get("sinceTime"), number(query, "sinceSeconds"))
        lines = self._lines(pod, path, number(query, "tailLines"), flag(query, "follow"))
        return _shown(lines, since, flag(query, "timestamps"), number(query, "limitBytes"))

    @staticmethod
    def _container(pod: Object, asked: str | None) -> str:
        names = [container["name"] for container in pod["spec"]["containers"]]
        if asked and asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {pod['metadata']['name']}")
        if not asked and len(names) > 1:
            raise bad_request(f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{' '.join(names)}]")
        return asked or str(names[0])

    async def _lines(self, pod: Object, path: Path, tail: int | None, follow: bool) -> AsyncIterator[list[bytes]]:
        """In batches, without their line ends; while following, until the pod has ended and all is read."""
        position = _tail(path, tail) if tail is not None else 0
        rest = b""
        while True:
            ended = not follow or self._closing.is_set() or self._ended(pod)
            position, piece = _piece(path, position)
            if piece:
                *lines, rest = (rest + piece).split(b"\n")
                yield lines
            elif ended:
                if rest:
                    yield [rest]
                return
            else:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _ended(self, pod: Object) -> bool:
        if not self._store.alive(pod["metadata"]["uid"]):
            return True
        found = self._store.get("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
        return (found.get("status") or {}).get("phase") in FINISHED


async def _shown(batches: AsyncIterator[list[bytes]], since: datetime | None, stamps: bool, limit: int | None) -> AsyncIterator[bytes]:
    left = limit
    async for batch in batches:
        text = b"".join(_line(line, since, stamps) for line in batch)
        if left is not None:
            text = text[:left]
            left -= len(text)
        if text:
            yield text
        if left == 0:
            return


def _line(line: bytes, since: datetime | None, stamps: bool) -> bytes:
    """Without the runtime's prefix; a partial line (P) is joined to the one after it."""
    stamp, _, rest = line.partition(b" ")
    _, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if tag not in (b"F", b"P"):
        return line + b"\n"
    if since is not None and _time(stamp) < since:
        return b""
    return (stamp + b" " if stamps else b"") + text + (b"" if tag == b"P" else b"\n")


def _time(stamp: bytes) -> datetime:
    whole, _, fraction = stamp.decode(errors="replace").removesuffix("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)


def _since(text: str | None, seconds: int | None) -> datetime | None:
    if seconds is not None:
        return datetime.now(UTC) - timedelta(seconds=seconds)
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as fault:
        raise bad_request(f'invalid sinceTime: "{text}"') from fault


def _piece(path: Path, position: int) -> tuple[int, bytes]:
    """What was written after a position; from the start when the file was replaced by a shorter one."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < position:
                position = 0
            file.seek(position)
            piece = file.read(PIECE)
            return position + len(piece), piece
    except FileNotFoundError:
        return 0, b""


def _tail(path: Path, lines: int) -> int:
    """Where the last so many lines begin."""
    try:
        with path.open("rb") as file:
            return _from_the_end(file, lines)
    except FileNotFoundError:
        return 0


def _from_the_end(file: BinaryIO, lines: int) -> int:
    end = position = file.seek(0, os.SEEK_END)
    starts: deque[int] = deque()
    while position > 0 and len(starts) <= lines:
        size = min(PIECE, position)
        position -= size
        file.seek(position)
        piece = file.read(size)
        found = [position + index + 1 for index in range(len(piece)) if piece[index] == 10]
        starts.extendleft(reversed(found))
    starts = deque([0, *starts] if position == 0 else starts)
    while starts and starts[-1] >= end:
        starts.pop()
    return list(starts)[-lines] if 0 < lines <= len(starts) else end if lines == 0 else 0
