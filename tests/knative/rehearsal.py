"""What spare children of a zygote do in tests: they note in which process they rehearsed, and keep a pipe open as libraries do.

The file FAILING makes them end instead.
"""

import os
import sys
from pathlib import Path

FAILING = "fail-rehearsals"


def rehearse() -> None:
    if Path(FAILING).exists():
        sys.exit(1)
    sys.rehearsed_in = os.getpid()  # type: ignore[attr-defined]
    sys.kept = {each: os.fstat(each).st_ino for each in os.pipe()}  # type: ignore[attr-defined]
