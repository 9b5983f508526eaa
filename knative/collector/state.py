"""What a restarted collector continues from: one file on the node, replaced as a whole before each batch is published.

It has the batches that are not confirmed, and the positions and counters behind them. A restart sends these batches again, with the ids
that they had, and reads on behind them.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from functions.wire.knative_events import Event
from knative.collector.cri import Place
from knative.collector.kubelet import PodCounter
from knative.collector.log_files import Position
from knative.collector.queue_proxy import Counted

log = logging.getLogger(__name__)

FILE = "state.json"
VERSION = 1


@dataclass(slots=True)
class State:
    positions: dict[str, Position] = field(default_factory=dict)
    requests: Mapping[str, Mapping[int, Counted]] = field(default_factory=dict)
    resources: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    counters: Mapping[str, PodCounter] = field(default_factory=dict)
    pending: Sequence[Event] = ()


def load(folder: Path) -> State | None:
    """Return the state of the last run; None if there is none, or if it cannot be read."""
    try:
        return _parse(orjson.loads((folder / FILE).read_bytes()))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        log.error("%s cannot be read (%r): logs and counters of this node are followed from now on", folder / FILE, error)
        return None


def save(folder: Path, state: State) -> None:
    """Replace the file. After a crash of the node it is the old or the new one, whole."""
    temporary = folder / f"{FILE}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(_render(state), option=orjson.OPT_NON_STR_KEYS))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / FILE)


def _render(state: State) -> dict[str, Any]:
    return {
        "version": VERSION,
        "positions": {key: [each.inode, each.head, each.place.offset, each.place.ends] for key, each in state.positions.items()},
        "requests": {uid: {status: _render_counted(each) for status, each in by_status.items()} for uid, by_status in state.requests.items()},
        "resources": dict(state.resources),
        "counters": {uid: [each.total_ms, each.containers] for uid, each in state.counters.items()},
        "pending": [{"attributes": event.attributes, "data": event.data.decode()} for event in state.pending],
    }


def _render_counted(counted: Counted) -> list[Any]:
    buckets = [[str(bound), count] for bound, count in counted.buckets.items()]  # JSON has no infinity
    return [counted.count, counted.seconds, buckets, counted.request_bytes, counted.response_bytes]


def _parse(document: Mapping[str, Any]) -> State:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']}")
    return State(
        positions={
            key: Position(inode, head, Place(offset, tuple((stream, end) for stream, end in ends)))
            for key, (inode, head, offset, ends) in document["positions"].items()
        },
        requests={uid: {int(status): _parse_counted(*each) for status, each in by_status.items()} for uid, by_status in document["requests"].items()},
        resources={uid: (float(reported_ms), str(since)) for uid, (reported_ms, since) in document["resources"].items()},
        counters={
            uid: PodCounter(total_ms, {name: (started, cpu_ms) for name, (started, cpu_ms) in containers.items()})
            for uid, (total_ms, containers) in document["counters"].items()
        },
        pending=[Event(dict(each["attributes"]), data=each["data"].encode()) for each in document["pending"]],
    )


def _parse_counted(count: int, seconds: float, buckets: Sequence[tuple[str, int]], request_bytes: int, response_bytes: int) -> Counted:
    return Counted(count, seconds, {float(bound): each for bound, each in buckets}, request_bytes, response_bytes)
