"""Reads the logs of the collected pods of this node into a `LogBuffer`.

The files are the queue: while lines of a namespace wait in memory, its files are not read further. So a namespace that
writes faster than its lines can be sent delays itself only. What lies further back than MAX_UNREAD_BYTES is skipped, and counted.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.wire.knative_events import now
from knative.collector.log_buffer import MAX_BYTES, Entry, LogBuffer
from knative.collector.log_files import Found, LogFile, Position, current_logs
from knative.collector.resources import Object

log = logging.getLogger(__name__)

LOGS = Path("/var/log/pods")
NAMESPACE_BYTES = MAX_BYTES // 8
"""Of waiting lines, from which on a namespace is not read further."""
MAX_UNREAD_BYTES = 32 << 20
"""Of one container. The kubelet keeps 50 MiB by default (containerLogMaxSize × containerLogMaxFiles)."""
MAX_ROUNDS = 16
"""In each, a chunk of each file that has one."""
SIDECARS = frozenset({"queue-proxy", "istio-proxy", "linkerd-proxy"})
"""Containers that are no part of what an application writes or uses."""


@dataclass(frozen=True, slots=True)
class _Key:
    uid: str
    container: str
    name: str

    def __str__(self) -> str:
        return f"{self.uid}/{self.container}/{self.name}"


class Tailer:
    """`positions`: the key of a log → where to continue, from the last run."""

    def __init__(self, buffer: LogBuffer, positions: Mapping[str, Position], logs: Path = LOGS) -> None:
        self._buffer = buffer
        self._resume = dict(positions)
        self._logs = logs
        self._files: dict[_Key, tuple[LogFile, Object]] = {}
        self._refused: set[_Key] = set()

    def read(self, pods: Iterable[Object]) -> int:
        """Read what the pods have written. Returns the number of new lines.

        The log of a pod that is gone is read to its end: the file stays open.
        """
        self._discover(pods)
        for key, (file, pod) in self._files.items():
            self._skip_excess(key, file, pod)
        count, keys = 0, list(self._files)
        for _ in range(MAX_ROUNDS):
            read = [(key, self._read_file(key, *self._files[key])) for key in keys]
            keys = [key for key, lines in read if lines is not None]
            count += sum(lines or 0 for _, lines in read)
        if self._files:  # another file has the first turn next time
            first = next(iter(self._files))
            self._files[first] = self._files.pop(first)
        return count

    def keys(self) -> frozenset[str]:
        """Return the keys of all logs that are being read, or will be."""
        return frozenset((*map(str, self._files), *self._resume))

    def close(self) -> None:
        for file, _ in self._files.values():
            file.close()

    def _discover(self, pods: Iterable[Object]) -> None:
        found, uids = set(), set()
        for pod in pods:
            metadata = pod["metadata"]
            uids.add(metadata["uid"])
            folder = self._logs / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
            for container in _containers(pod):
                for name in current_logs(folder / container):
                    key = _Key(metadata["uid"], container, name)
                    found.add(key)
                    if key not in self._files:
                        self._files[key] = (LogFile(folder / container, name, self._resume.pop(str(key), None)), pod)
        self._resume = {key: position for key, position in self._resume.items() if key.partition("/")[0] in uids}
        for key in self._files.keys() - found:
            file, _ = self._files[key]
            if file.is_finished():
                file.close()
                del self._files[key]

    def _read_file(self, key: _Key, file: LogFile, pod: Object) -> int | None:
        """Read one chunk of a file. Returns the number of lines; None if there is nothing to read, or no room for it."""
        if self._buffer.waiting_bytes(pod["metadata"]["namespace"]) >= NAMESPACE_BYTES or self._buffer.bytes >= MAX_BYTES * 3 // 4:
            return None
        found = self._read_chunk(key, file)
        for line, position in found or ():
            self._buffer.add(_entry(pod, key.container, line.at, line.stream, line.text), (str(key), position))
        return None if found is None else len(found)

    def _read_chunk(self, key: _Key, file: LogFile) -> list[Found] | None:
        try:
            return file.read()
        except PermissionError as error:
            if key not in self._refused:
                self._refused.add(key)
                log.error(
                    "%s is not readable as user %d, group %d: the runtime of this node needs another user", error.filename, os.getuid(), os.getgid()
                )
            return None

    def _skip_excess(self, key: _Key, file: LogFile, pod: Object) -> None:
        excess = file.unread_bytes() - MAX_UNREAD_BYTES
        if excess > 0 and (skipped := file.skip(excess)) is not None:
            records, position = skipped
            self._buffer.count_dropped(_entry(pod, key.container, now(), "stderr", ""), records)
            self._buffer.positions[str(key)] = position
        if file.lost_files:
            metadata = pod["metadata"]
            log.warning("%s/%s, container %s: a log file was rotated away before it was read", metadata["namespace"], metadata["name"], key.container)
            file.lost_files = 0


def _entry(pod: Object, container: str, at: str, stream: str, text: str) -> Entry:
    metadata: Mapping[str, Any] = pod["metadata"]
    return {
        "at": at, "namespace": metadata["namespace"], "pod": metadata["name"], "container": container,
        "labels": metadata.get("labels") or {}, "stream": stream, "line": text,
    }  # fmt: skip


def _containers(pod: Object) -> list[str]:
    spec = pod["spec"]
    names = [each["name"] for each in (*spec.get("initContainers", ()), *spec["containers"])]
    return [name for name in names if name not in SIDECARS]
