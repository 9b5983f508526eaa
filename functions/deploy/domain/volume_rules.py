"""Rules of a volume's size, path and processes."""

import posixpath
import re
from collections.abc import Collection, Iterable, Sequence

from functions.kernel import FieldError

PROCESS = re.compile(r"[a-z][a-z0-9-]{0,19}")
PATH = re.compile(r"(/[A-Za-z0-9._-]{1,100}){1,10}")
MIN_SIZE_MIB, MAX_SIZE_MIB = 64, 1 << 20
RUN, CRON = "run", "cron"
"""In a list of process types: one-off commands with the release command, and schedules."""
SYSTEM_PATHS = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr")
WHOLE_PATHS = ("/app", "/home", "/home/app", "/root", "/var", "/workspace")
"""Hidden by a volume there: the application itself, or what its system needs."""


def size_errors(size_mib: int) -> list[FieldError]:
    if MIN_SIZE_MIB <= size_mib <= MAX_SIZE_MIB:
        return []
    return [FieldError("/sizeMib", f"size: {size_mib} MiB is not between {MIN_SIZE_MIB} and {MAX_SIZE_MIB}")]


def path_errors(path: str) -> list[FieldError]:
    pointer = "/mountPath"
    if not PATH.fullmatch(path) or posixpath.normpath(path) != path:
        return [FieldError(pointer, f'mount path "{path}": use an absolute path of letters, digits, ".", "_" and "-", such as /app/media')]
    if path in WHOLE_PATHS or any(path == each or path.startswith(f"{each}/") for each in SYSTEM_PATHS):
        return [FieldError(pointer, f'mount path "{path}" would hide the application or its system: use a folder such as /app/media or /data')]
    return []


def process_errors(processes: Sequence[str]) -> list[FieldError]:
    if bad := [each for each in processes if not PROCESS.fullmatch(each)]:
        return [FieldError("/processes", f"processes: {', '.join(bad)}: use names of process types, `{RUN}` or `{CRON}`")]
    return []


def unknown_process_errors(processes: Iterable[str], known: Collection[str]) -> list[FieldError]:
    """`known`: the process types of an application. `run` and `cron` are those of every application."""
    if unknown := [each for each in processes if each not in {*known, RUN, CRON}]:
        names = ", ".join(f'"{each}"' for each in unknown)
        noun = "processes" if len(unknown) > 1 else "process"
        return [FieldError("/processes", f"the application has no {noun} {names}: use {', '.join(sorted(known))}, {RUN} or {CRON}")]
    return []


def overlap(first: str, second: str) -> bool:
    """Whether two paths are the same, or one lies in the other."""
    return first == second or first.startswith(f"{second}/") or second.startswith(f"{first}/")
