"""Which revisions had pods when the one-machine Knative stopped: the next process wakes them before it accepts requests.

Without it an upgrade would put every function to zero at once, and the requests that waited would spend their deadline on many cold starts.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

MAX_AGE_SECONDS = 120.0
"""Older records are of a stop that was no restart: nothing is awake that nobody uses."""
MAX_REVISIONS = 32
"""The last used of them; a request wakes the others."""

Key = tuple[str, str]
"""namespace, name"""


def write(path: Path, keys: Sequence[Key]) -> None:
    """`keys`: the last used first."""
    path.write_text(json.dumps({"at": time.time(), "revisions": keys[:MAX_REVISIONS]}))


def take(path: Path) -> list[Key]:
    """Return and delete the record. Empty if there is none, or if it is too old."""
    try:
        record = json.loads(path.read_text())
        path.unlink()
        is_recent = 0 <= time.time() - record["at"] <= MAX_AGE_SECONDS
        return [(namespace, name) for namespace, name in record["revisions"]] if is_recent else []
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # the machine was switched off while it was written
        return []
