"""Keys and passwords: their age, the current, next and retiring keys of each set, and rotations that were interrupted."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.runtime.security import encryption
from knative.machine import keys, secrets
from knative.machine.cluster import reachable
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import CONTEXTS, Home
from knative.machine.rotation import key_sets, records
from knative.machine.rotation.command import ROTATIONS, age, made_at

OLD = timedelta(days=365)


@dataclass(frozen=True)
class KeySet:
    """How many keys of each kind a set holds. `uses`: rows that need retiring keys; None while the databases do not run."""

    name: str
    has_next: bool
    retiring: int
    uses: int | None = None


def check(home: Home, now: datetime) -> Iterator[Finding]:
    last = records.read(home)
    for name in (name for name, record in last.items() if record.is_interrupted):
        yield Finding("keys", Level.FAULT, f"The rotation of {name} was interrupted: former values stay accepted.", f"./taskw rotate {name}")
    yield decide_ages({name: since for name, rotation in ROTATIONS.items() if (since := made_at(home, rotation, last.get(name)))}, now)
    for each in _key_sets(home):
        yield decide_key_set(each)


def decide_ages(since: Mapping[str, datetime], now: datetime) -> Finding:
    """`since`: when each was made or rotated."""
    ages = tuple(f"{name}: {age(now - made)}" for name, made in since.items())
    if not ages:
        return Finding("keys", Level.NOTE, "none yet: the first ./taskw up makes them")
    if old := [name for name, made in since.items() if now - made > OLD]:
        return Finding("keys", Level.WARNING, f"Older than a year: {', '.join(old)}", "./taskw rotate all", ages)
    return Finding("keys", Level.GOOD, f"oldest: {age(now - min(since.values()))}", details=ages)


def _key_sets(home: Home) -> Iterator[KeySet]:
    """Of the stored sets: nothing is made here."""
    if (text := secrets.find(home, keys.SIGNING)) is not None:
        signing = [key for key in json.loads(text)["keys"] if key.get("use") == "sig"]
        retiring = sum(bool(key.get("retiring")) for key in signing)
        yield KeySet("signing", len(signing) - retiring > 1, retiring)
    for context in CONTEXTS:
        if (text := secrets.find(home, keys.SEALING.format(context=context))) is not None:
            private = json.loads(text)
            retiring = len(encryption.retiring_keys(private))
            uses = sum(key_sets.uses(home, context).values()) if retiring and reachable(home) else None
            yield KeySet(f"sealing {context}", len(private["keys"]) - retiring > 1, retiring, uses)


def decide_key_set(found: KeySet) -> Finding:
    kinds = ["1 current", *(["1 next"] if found.has_next else []), *([f"{found.retiring} retiring"] if found.retiring else [])]
    uses = f", needed by {found.uses} rows" if found.retiring and found.uses is not None else ""
    summary = f"{found.name}: {', '.join(kinds)}{uses}"
    if not found.has_next:
        return Finding("keys", Level.WARNING, f"{summary}: the next rotation has to wait for processes.", f"./taskw rotate {found.name.split()[0]}")
    return Finding("keys", Level.GOOD, summary)
