"""Checkouts of Capsule."""

import sys
from pathlib import Path

from knative.machine.home import PROJECT


def python_of(project: Path) -> str:
    """The checkout's own environment, if it has one: another version may need other packages. This checkout's is the one that runs."""
    own = project / ".venv" / "bin" / "python"
    return str(own) if project != PROJECT and own.exists() else sys.executable
