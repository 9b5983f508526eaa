"""Compatibility with releases: `schemas/released/<version>/` has the schemas of a release and never changes.

`python -m functions.describe --release 0.2.0` stores one; `--check` compares the current schemas with the newest. It
rejects a breaking change unless the type's version was raised (`class UserCreated(Event, type=…, version=2)`,
`@command(version=2)`). Then messages of every released version need an upcaster (`@upcasts`, see `kernel.versions`),
because they may still be in queues. A release that is incompatible by its number (semantic versioning: another major,
below 1.0 another minor) may also remove types.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from functions.describe.compatibility import refusals, removed_fields
from functions.kernel import missing_steps

FOLDER = "schemas/released"
VERSION = "x-version"
KINDS = ("commands", "events", "queries")

Schemas = Mapping[str, Mapping[str, Any]]
"""Path below the release's folder (`events/user.created.json`) → schema."""


class InvalidRelease(ValueError):
    """The schemas cannot be released with this version. The text says why."""


def parse_version(version: str) -> tuple[int, int, int]:
    """Raises InvalidRelease."""
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise InvalidRelease(f'"{version}" is not a version such as 0.2.0')
    return int(parts[0]), int(parts[1]), int(parts[2])


def newest_release(root: Path) -> str | None:
    return max(_releases(root), key=parse_version, default=None)


def load_release(root: Path, version: str) -> Schemas:
    folder = root / FOLDER / version
    return {path.relative_to(folder).as_posix(): json.loads(path.read_text()) for kind in KINDS for path in sorted((folder / kind).glob("*.json"))}


def incompatible_changes(before: Schemas, after: Schemas) -> list[str]:
    """Return every incompatible change, in words. A type with a higher version may change, but needs upcasters."""
    found: list[str] = []
    for path, old in before.items():
        new = after.get(path)
        if new is None:
            found.append(f"{path} was removed")
        elif _version(new) == _version(old):
            found += [f"{path} {reason}" for reason in _reasons(path, old, new)]
        elif _version(new) < _version(old):
            found.append(f"{path} had version {_version(old)} before")
        else:
            found += missing_upcasters(path, _version(old), _version(new))
    return found


def missing_upcasters(path: str, old: int, new: int) -> list[str]:
    """Return the upcasters that are needed to read messages of an earlier version."""
    type = path.rsplit("/", 1)[-1].removesuffix(".json")
    return [f'{path} needs @upcasts("{type}", from_={step}): messages of version {step} may be in queues' for step in missing_steps(type, old, new)]


def _version(schema: Mapping[str, Any]) -> int:
    return int(schema.get(VERSION, 1))


def _reasons(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    of_old_messages = [f"{reason} (in messages of the last release)" for reason in refusals(old, new)]
    if not path.startswith("events/"):
        return of_old_messages
    by_old_readers = [f"{reason} (by readers of the last release)" for reason in refusals(new, old)]
    subject = ["has another subject"] if old.get("x-subject") != new.get("x-subject") else []
    return [*of_old_messages, *removed_fields(old, new), *by_old_readers, *subject]


def find_incompatible(root: Path, today: Schemas) -> list[str]:
    """Return incompatible changes since the newest release, and messages of any release that cannot be read."""
    version = newest_release(root)
    if version is None:
        return []
    releases_by_age = sorted(_releases(root), key=parse_version, reverse=True)
    oldest = {path: _version(schema) for name in releases_by_age for path, schema in load_release(root, name).items()}
    unreadable = [reason for path, old in oldest.items() if path in today for reason in missing_upcasters(path, old, _version(today[path]))]
    return list(dict.fromkeys([*incompatible_changes(load_release(root, version), today), *unreadable]))


def _releases(root: Path) -> list[str]:
    folder = root / FOLDER
    return [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def release(root: Path, version: str, today: Mapping[str, str]) -> int:
    """Store the schemas (path → text) as those of a version. Returns their number. Raises InvalidRelease."""
    new_version, last = parse_version(version), newest_release(root)
    if last is not None:
        if new_version <= parse_version(last):
            raise InvalidRelease(f"The newest release is {last}. A release needs a higher version and never changes.")
        changes = incompatible_changes(load_release(root, last), {path: json.loads(text) for path, text in today.items()})
        if changes and _compatible_part(new_version) == _compatible_part(parse_version(last)):
            raise InvalidRelease("\n  ".join([f"{version} must be compatible with {last}, and is not:", *changes]))
    for path, text in today.items():
        file = root / FOLDER / version / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return len(today)


def _compatible_part(version: tuple[int, int, int]) -> tuple[int, ...]:
    return version[:2] if version[0] == 0 else version[:1]
