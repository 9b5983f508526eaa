"""The file that keeps the one-machine Knative from accepting requests until `up` has applied the Secrets that pods start with."""

from pathlib import Path

from knative.installation import HELD_FRONT
from knative.machine.home import Home


def held_front(home: Home) -> Path:
    return home.path / "knative" / HELD_FRONT


def has_served(home: Home) -> bool:
    """Whether a one-machine Knative has accepted requests in this state folder."""
    return (home.path / "knative" / "store.db").exists() and not held_front(home).exists()
