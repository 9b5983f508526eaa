"""What was promised: `schemas/released/<version>/` is a copy of the schemas as they were released, and stays as it is.

`python -m functions.describe --release 0.2.0` makes one; `--check` holds today's schemas against the newest. A breaking change is refused unless the
type's own version was raised (`class UserCreated(Event, type=…, version=2)`, `@command(version=2)`), and then it wants to know how what still lies in
queues becomes of that version (`@upcasts`, see `kernel.versions`), from every version that was ever released. A release that is not compatible by its
number (semantic versioning: another major, below 1.0 another minor) may also leave types out.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from functions.describe.compatibility import refusals, vanished
from functions.kernel import missing_steps

FOLDER = "schemas/released"
VERSION = "x-version"
KINDS = ("commands", "events", "queries")

Schemas = Mapping[str, Mapping[str, Any]]
"""Path below the folder (`events/user.created.json`) → schema."""


class NotARelease(ValueError):
    """It cannot be released under that number. The text says why."""


def number(version: str) -> tuple[int, int, int]:
    """Raises NotARelease."""
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise NotARelease(f"{version} is no version like 0.1.0")
    return int(parts[0]), int(parts[1]), int(parts[2])


def newest(root: Path) -> str | None:
    return max(_releases(root), key=number, default=None)


def released(root: Path, version: str) -> Schemas:
    folder = root / FOLDER / version
    return {path.relative_to(folder).as_posix(): json.loads(path.read_text()) for kind in KINDS for path in sorted((folder / kind).glob("*.json"))}


def breaking(before: Schemas, after: Schemas) -> list[str]:
    """Every promise that is broken, in words. A type whose version was raised has made a new promise."""
    found: list[str] = []
    for path, old in before.items():
        new = after.get(path)
        if new is None:
            found.append(f"{path} is gone")
        elif _version(new) == _version(old):
            found += [f"{path} {reason}" for reason in _reasons(path, old, new)]
        elif _version(new) < _version(old):
            found.append(f"{path} was version {_version(old)} already")
        else:
            found += no_way(path, _version(old), _version(new))
    return found


def no_way(path: str, old: int, new: int) -> list[str]:
    """What is missing to read today what was written by an earlier version."""
    type = path.rsplit("/", 1)[-1].removesuffix(".json")
    return [f'{path} needs @upcasts("{type}", from_={step}): messages of version {step} may lie in queues' for step in missing_steps(type, old, new)]


def _version(schema: Mapping[str, Any]) -> int:
    return int(schema.get(VERSION, 1))


def _reasons(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    taken = [f"{reason} (of what was sent before)" for reason in refusals(old, new)]
    if not path.startswith("events/"):
        return taken
    stated = [f"{reason} (by an older reader)" for reason in refusals(new, old)]
    subject = ["another subject numbers it"] if old.get("x-subject") != new.get("x-subject") else []
    return [*taken, *vanished(old, new), *stated, *subject]


def broken_promises(root: Path, today: Schemas) -> list[str]:
    """Against the newest release, if there is one; and what any release has written must be readable."""
    version = newest(root)
    if version is None:
        return []
    oldest = {path: version for name in sorted(_releases(root), key=number, reverse=True) for path, version in _versions(released(root, name))}
    unreadable = [reason for path, old in oldest.items() if path in today for reason in no_way(path, old, _version(today[path]))]
    return list(dict.fromkeys([*breaking(released(root, version), today), *unreadable]))


def _versions(schemas: Schemas) -> list[tuple[str, int]]:
    return [(path, _version(schema)) for path, schema in schemas.items()]


def _releases(root: Path) -> list[str]:
    folder = root / FOLDER
    return [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def release(root: Path, version: str, today: Mapping[str, str]) -> int:
    """Writes today's schemas (path → text) as that version; answers how many. Raises NotARelease."""
    wanted, last = number(version), newest(root)
    if last is not None:
        if wanted <= number(last):
            raise NotARelease(f"{last} is released already; what was released is not changed")
        broken = breaking(released(root, last), {path: json.loads(text) for path, text in today.items()})
        if broken and _promise(wanted) == _promise(number(last)):
            raise NotARelease("\n  ".join([f"{version} promises to be compatible with {last}, and is not:", *broken]))
    for path, text in today.items():
        file = root / FOLDER / version / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return len(today)


def _promise(version: tuple[int, int, int]) -> tuple[int, ...]:
    return version[:2] if version[0] == 0 else version[:1]
