"""Versions of a backup: that of Capsule, and the migrations of each database. A backup of a newer version is not restored."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from knative.machine import migrations
from knative.machine.home import CONTEXTS
from knative.machine.problems import Problem


def current() -> dict[str, Any]:
    """What the manifest says of this version."""
    names = {context: [str(each.id) for each in migrations.migrations(context)] for context in CONTEXTS}
    return {"capsule": version("capsule"), "migrations": names}


def require_known(written_by: Mapping[str, Any]) -> None:
    """Raises: Problem if the backup is of a newer version: its databases have migrations that this checkout lacks."""
    own = current()
    unknown = [
        f"{context}: {name}"
        for context, names in written_by["migrations"].items()
        for name in names
        if name not in own["migrations"].get(context, ())
    ]
    if unknown:
        raise Problem(
            f"The backup is of Capsule {written_by['capsule']}, newer than this one ({own['capsule']}), which lacks {len(unknown)} of its migrations "
            f"({unknown[0]} …).",
            "Restore it with the version that wrote it, or a newer one.",
        )
