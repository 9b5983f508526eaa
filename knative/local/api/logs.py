"""Pod logs, read from a file per container, in the format of the Container Runtime Interface (`<rfc3339nano> stdout F <line>`)."""

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

POLL_SECONDS = 0.1
CHUNK_BYTES = 1 << 16
NEWLINE = 10
FINISHED = ("Succeeded", "Failed")


class Logs:
    """`pods`: the folder of the pods' files. `closing` ends followed logs."""

    def __init__(self, store: Store, pods: Path, closing: asyncio.Event) -> None:
        self._store = store
        self._pods = pods
        self._closing = closing

    def read(self, target: Target, request: Request) -> AsyncIterator[bytes]:
        """Return the log of a container. Raises StatusError before the first chunk."""
        query = request.query_params
        pod = self._store.find("Pod", target.namespace, target.name)
        if pod is None:
            raise not_found(target.definition, target.name)
        container = container_of(pod, query.get("container"))
        if flag(query, "previous"):
            raise bad_request(f'previous terminated container "{container}" in pod "{target.name}" not found')
        path = self._pods / str(target.namespace) / target.name / f"{container}.log"
        if not path.exists() and (pod.get("status") or {}).get("phase", "Pending") == "Pending":
            raise bad_request(f'container "{container}" in pod "{target.name}" is waiting to start: ContainerCreating')
        since = _since(query.get("sinceTime"), number(query, "sinceSeconds"))
        lines = self._lines(pod, path, number(query, "tailLines"), flag(query, "follow"))
        return _format(lines, since, flag(query, "timestamps"), number(query, "limitBytes"))

    async def _lines(self, pod: Object, path: Path, tail: int | None, follow: bool) -> AsyncIterator[list[bytes]]:
        """Yield batches of lines without line ends. With `follow`, until the pod has ended and everything is read."""
        position = _tail_position(path, tail) if tail is not None else 0
        partial = b""
        while True:
            is_complete = not follow or self._closing.is_set() or self._has_ended(pod)
            position, chunk = _read_chunk(path, position)
            if chunk:
                *lines, partial = (partial + chunk).split(b"\n")
                yield lines
            elif is_complete:
                if partial:
                    yield [partial]
                return
            else:
                await asyncio.sleep(POLL_SECONDS)

    def _has_ended(self, pod: Object) -> bool:
        if not self._store.exists(pod["metadata"]["uid"]):
            return True
        current = self._store.get("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
        return (current.get("status") or {}).get("phase") in FINISHED


def container_of(pod: Object, name: str | None) -> str:
    """Return the container that a request names, or the only one. Raises StatusError (400)."""
    names = [container["name"] for container in pod["spec"]["containers"]]
    if name and name not in [*names, *(container["name"] for container in pod["spec"].get("initContainers") or [])]:
        raise bad_request(f"container {name} is not valid for pod {pod['metadata']['name']}")
    if not name and len(names) > 1:
        raise bad_request(f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{' '.join(names)}]")
    return name or str(names[0])


async def _format(batches: AsyncIterator[list[bytes]], since: datetime | None, stamps: bool, limit: int | None) -> AsyncIterator[bytes]:
    bytes_left = limit
    async for batch in batches:
        text = b"".join(_format_line(line, since, stamps) for line in batch)
        if bytes_left is not None:
            text = text[:bytes_left]
            bytes_left -= len(text)
        if text:
            yield text
        if bytes_left == 0:
            return


def _format_line(line: bytes, since: datetime | None, stamps: bool) -> bytes:
    """Remove the runtime's prefix. A partial line (P) is joined with the next one."""
    stamp, _, rest = line.partition(b" ")
    _, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if tag not in (b"F", b"P"):
        return line + b"\n"
    if since is not None and _parse_stamp(stamp) < since:
        return b""
    return (stamp + b" " if stamps else b"") + text + (b"" if tag == b"P" else b"\n")


def _parse_stamp(stamp: bytes) -> datetime:
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
    except ValueError as error:
        raise bad_request(f'invalid sinceTime: "{text}"') from error


def _read_chunk(path: Path, position: int) -> tuple[int, bytes]:
    """Return the next position and what was written after this one; from the start if a shorter file has replaced the file."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < position:
                position = 0
            file.seek(position)
            chunk = file.read(CHUNK_BYTES)
            return position + len(chunk), chunk
    except FileNotFoundError:
        return 0, b""


def _tail_position(path: Path, lines: int) -> int:
    """Return where the last `lines` lines begin."""
    try:
        with path.open("rb") as file:
            return _seek_lines(file, lines)
    except FileNotFoundError:
        return 0


def _seek_lines(file: BinaryIO, lines: int) -> int:
    end = position = file.seek(0, os.SEEK_END)
    starts: deque[int] = deque()
    while position > 0 and len(starts) <= lines:
        size = min(CHUNK_BYTES, position)
        position -= size
        file.seek(position)
        chunk = file.read(size)
        starts.extendleft(reversed([position + index + 1 for index in range(len(chunk)) if chunk[index] == NEWLINE]))
    starts = deque([0, *starts] if position == 0 else starts)
    while starts and starts[-1] >= end:
        starts.pop()
    return list(starts)[-lines] if 0 < lines <= len(starts) else end if lines == 0 else 0
