"""Compiles the project's modules. Functions run as users that cannot write here, and would compile their imports at every cold start."""

import compileall

from knative.machine.home import PROJECT

FOLDERS = ("cli", "events", "functions", "knative")


def compile_modules() -> bool:
    """Compile what has changed since the last time. Return whether all modules are compiled: those of a folder that cannot be written are not."""
    return all([compileall.compile_dir(str(PROJECT / folder), quiet=2) for folder in FOLDERS])
