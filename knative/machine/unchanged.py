"""Applies what has changed since the last time: of hundreds of objects usually none.

An object is left alone if the same document was applied to it before, and it still holds every field of that document. What was applied is
recorded in the state folder after it was applied, so an interrupted `up` applies it again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from knative.machine.cluster import KubernetesApi, Object

Identity = str
"""API version, kind, namespace and name."""
Applied = dict[Identity, tuple[str, ...]]
"""→ uid of the object, digest of the document, and digest of the object that holds it (not in older records)."""
CHANGES_ALWAYS = ("managedFields", "resourceVersion", "generation")
"""Metadata that a change of nothing but the status changes, or of which no document has anything."""


@dataclass
class Comparison:
    """What of the documents their objects do not hold. `live`: the objects of the documents' kinds, as they were read."""

    documents: Sequence[Object]
    live: dict[Identity, Object]
    changed: list[Object]
    _record: Path

    def add(self, document: Object) -> None:
        """Let one of the documents be applied, although its object holds it."""
        if document not in self.changed:
            self.changed.append(document)

    def apply(self, cluster: KubernetesApi, manager: str) -> int:
        """Apply what has changed. Returns how many objects that were. Raises: Problem."""
        if not self.changed:
            return 0
        self._record.unlink(missing_ok=True)
        cluster.apply(self.changed, manager)
        self.live |= _live(cluster, self.changed)
        now: dict[Identity, tuple[str, ...]] = {}
        for document in self.documents:
            if (live := self.live.get(name := identity(document))) is not None:
                now[name] = (live["metadata"]["uid"], _digest(document), *([_live_digest(live)] if covers(live, document) else []))
        temporary = self._record.with_suffix(".new")
        temporary.write_text(json.dumps(now))
        temporary.replace(self._record)
        return len(self.changed)


def compare(cluster: KubernetesApi, documents: Sequence[Object], record: Path) -> Comparison:
    """Read the objects of the documents' kinds. `record`: the file of what was applied before."""
    applied, live = _read(record), _live(cluster, documents)
    return Comparison(documents, live, [each for each in documents if not _is_applied(each, live.get(identity(each)), applied)], record)


def apply_changed(cluster: KubernetesApi, documents: Sequence[Object], manager: str, record: Path) -> int:
    """Apply the documents that their objects do not hold. Returns how many were applied. Raises: Problem."""
    return compare(cluster, documents, record).apply(cluster, manager)


def covers(live: Any, document: Any) -> bool:
    """Whether every field of a document has its value in an object. Items of lists count by position, and none may be added."""
    if isinstance(document, dict):
        return isinstance(live, dict) and all(value is None or (name in live and covers(live[name], value)) for name, value in document.items())
    if isinstance(document, list):
        return isinstance(live, list) and len(live) == len(document) and all(map(covers, live, document))
    return bool(live == document)


def _is_applied(document: Object, live: Object | None, applied: Applied) -> bool:
    former = applied.get(identity(document), ())
    if live is None or former[:2] != (live["metadata"]["uid"], _digest(document)):
        return False
    return "deletionTimestamp" not in live["metadata"] and (former[2:] == (_live_digest(live),) or covers(live, document))


def _live(cluster: KubernetesApi, documents: Sequence[Object]) -> dict[Identity, Object]:
    kinds = {(each["apiVersion"], each["kind"], each["metadata"].get("namespace")) for each in documents}
    return {identity(item): item for kind in kinds for item in cluster.read(*kind)}


def _read(record: Path) -> Applied:
    try:
        return {name: tuple(digests) for name, digests in json.loads(record.read_text()).items()}
    except FileNotFoundError:
        return {}


def identity(item: Object) -> Identity:
    metadata = item["metadata"]
    return " ".join((item["apiVersion"], item["kind"], metadata.get("namespace") or "", metadata["name"]))


def _digest(document: Object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _live_digest(live: Object) -> str:
    """Of what a document may hold. An object with the digest of one that held a document holds it, which is compared in a tenth of the time."""
    metadata = {name: value for name, value in live["metadata"].items() if name not in CHANGES_ALWAYS}
    content = {**live, "metadata": metadata, "status": None}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
