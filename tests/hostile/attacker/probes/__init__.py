"""What an attacker tries, as an ordinary program for Python 3.11 or newer. Standard library only: it runs as a tenant's
application and in its build.

Every probe returns facts for JSON: what it tried and the outcome. The tests judge them.
"""

import errno
import os


def outcome(attempt, *arguments):
    """Return "ok" when the attempt succeeded, else the name of the error: EPERM, ENOENT, TimeoutError."""
    try:
        attempt(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__) if error.errno else type(error).__name__
    except Exception as error:  # noqa: BLE001 - any error is an outcome
        return type(error).__name__
    return "ok"


def in_child(attempt, *arguments):
    """Return the outcome of an attempt that may change its process, run in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, outcome(attempt, *arguments).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    return text or f"killed by signal {os.WTERMSIG(status)}"


def privileged_on_host():
    """Return whether this process could harm the machine: root of the initial user namespace. Destructive probes refuse to run then."""
    with open("/proc/self/uid_map") as file:
        rows = [line.split() for line in file]
    return os.geteuid() == 0 and rows == [["0", "0", "4294967295"]]
