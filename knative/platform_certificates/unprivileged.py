"""Run a function in a forked process without privileges, and return its answer.

A fork keeps the modules that are loaded: the account need not see the project, which may be below a folder that is closed to others.
"""

import ctypes
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from knative.machine.accounts import Account

PR_SET_NO_NEW_PRIVS = 38
"""linux/prctl.h: no program that is executed from now on gains privileges."""


class ProcessFailed(Exception):
    """The process ended without an answer. Its error output says why."""


def run(account: Account | None, function: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """`account`: of the process; None: the present one. `function` returns what JSON can hold. Call it without other threads.

    Raises ProcessFailed.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _answer(account, function, reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status or not text:
        raise ProcessFailed(f"The process of the order ended with {os.waitstatus_to_exitcode(status)}.")
    answer: dict[str, Any] = json.loads(text)
    return answer


def _answer(account: Account | None, function: Callable[[], Mapping[str, Any]], reading: int, writing: int) -> None:
    """In the child. It never returns."""
    code = 1
    try:
        os.close(reading)
        if account is not None:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
        os.umask(0o077)
        os.chdir("/")
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
        text = json.dumps(function()).encode()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(text)
        code = 0
    except BaseException:  # noqa: BLE001  # a child must never return into the parent's code
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)
