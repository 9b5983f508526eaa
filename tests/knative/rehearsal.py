"""What spare children of a zygote do in tests: they note in which process they rehearsed, and keep a pipe open as libraries do.

The file FAILING makes them end instead, HELD stop until they get SIGCONT.
"""

import os
import signal
import sys
from pathlib import Path

FAILING, HELD = "fail-rehearsals", "hold-rehearsals"


def rehearse() -> None:
    if Path(FAILING).exists():
        sys.exit(1)
    if Path(HELD).exists():
        os.kill(os.getpid(), signal.SIGSTOP)
    sys.rehearsed_in = os.getpid()  # type: ignore[attr-defined]
    sys.kept = {each: os.fstat(each).st_ino for each in os.pipe()}  # type: ignore[attr-defined]
