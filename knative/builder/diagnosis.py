"""Find the lines that say why a program failed: the end of a traceback, the compiler's error. Pure.

Package managers print hints, log paths and summaries after the error. The lines that matter are kept, in their order
and once each, with paths as in the repository.
"""

import re
from collections.abc import Iterable, Sequence

MAX_LINES = 12
MARGIN = re.compile(r"^\s*\| ?")
"""Poetry and pip draw a line to the left of an error's details."""
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")
"""Control sequences of terminals (ECMA-48 section 5.4) and other control characters."""
TRACEBACK = re.compile(r"^\s*(\[?\w*\]?\s*)Traceback \(most recent call last\):")
EXCEPTION = re.compile(r"^\s*(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|NotFound|DoesNotExist)\b(?::.*)?$")
ERROR = re.compile(
    r"(?:^|[\s\[(:])(?:error|fatal|unable to|panic|err!|failed|cannot|could not|no such file|not found|undefined)"
    r"|(?:^|[\s\[(:])(?:unresolved|exception|missing|refus|denied)"
    r"|^➤ YN00(?:01|09|1[468]|2[0-8]|3[0-7]|4[0-9]|5[078]|6[2367]|7[0-58]|8[0-35])"
    r"|^\s*(?:×|✗|✖|✘|╰─▶|❌)|ERR_|(?-i:\bE[A-Z]{4,}\b)|^\S+\.\w+:\d+(?::\d+)?: |\(\d+,\d+\): error",
    re.IGNORECASE,
)
"""Yarn 2 and later write their errors by number (yarnpkg.com/advanced/error-codes); YN0000 is everything else."""
NOISE = re.compile(
    r"A complete log of this run|npm-debug\.log|^npm (?:err!|error)(?:\s*$| (?:path|command|cwd|errno|syscall)\b)|Visit https://yarnpkg\.com|ELIFECYCLE"
    r"|^\s*(?:hint|note|help|notice):|This error originates from a subprocess|Re-run Maven|To see the full stack trace|For more information about"
    r"|not a Poetry issue|^\s*\d+\. (?:Regenerate lockfile|Update package)|poetry cache clear|^\s*If neither works|candidate\(s\) were"
    r"|\[Help \d\]|^\[ERROR\]\s*$|^\[ERROR\] (?:-> \[Help|After correcting|mvn <args>)|^\s*at (?:node:|async |Module\.|Object\.|Function\.|process\.)"
    r"|^➤ YN0000|gyp ERR! (?:stack at|System|command|cwd|node|not ok)|gyp (?:info|http|WARN)"
    r"|^\s*at .*node_modules|^make(?:\[\d+\])?: \*\*\*|deprecated|^npm (?:warn|notice)|^\s*[~^]+\s*$|^Node\.js v\d|exited with code|Command failed",
    re.IGNORECASE,
)
NPM_USAGE, NPM_LINE = re.compile(r"^npm (?:err!|error) Usage:", re.IGNORECASE), re.compile(r"^npm (?:err!|error)\b", re.IGNORECASE)
"""npm marks every line as an error, also those of the manual that follows its own."""
OUT_OF_MEMORY = re.compile(
    r"JavaScript heap out of memory|java\.lang\.OutOfMemoryError|signal: killed|Cannot allocate memory|^\s*MemoryError\b|ENOMEM"
    r"|There is insufficient memory for the Java Runtime|Allowed memory size of \d+ bytes exhausted|failed to allocate memory|NoMemoryError"
)


def plain(line: str) -> str:
    """Return a line without control sequences."""
    return CONTROL.sub("", line)


def ran_out_of_memory(code: int, lines: Iterable[str]) -> bool:
    """Whether a program that ended with `code` needed more memory than it may use. Negative codes are signals."""
    return code in (-9, 137) or any(OUT_OF_MEMORY.search(line) for line in lines)


def relevant_lines(lines: Sequence[str], folders: Sequence[str] = ()) -> str:
    """Return the lines that say why a program failed, at most MAX_LINES. `folders`: paths of the build, which are cut off."""
    lines = _without_npm_usage([text for line in lines if (text := MARGIN.sub("", plain(line)).rstrip())])
    found = _traceback(lines) or _errors(lines) or lines[-MAX_LINES:]
    return "\n".join(dict.fromkeys(_shorten(line, folders) for line in found[-MAX_LINES:]))


def _traceback(lines: Sequence[str]) -> list[str]:
    """Return the innermost frame of the application and the exception of the last traceback, if an exception ends it."""
    start = max((index for index, line in enumerate(lines) if TRACEBACK.search(line)), default=None)
    if start is None:
        return []
    end = next((index for index in range(start + 1, len(lines)) if EXCEPTION.match(lines[index])), None)
    if end is None:
        return []
    frames = [index for index in range(start, end) if re.match(r'\s*File ".*", line \d+', lines[index])]
    own = [index for index in frames if not re.search(r"site-packages|/lib/python\d|<frozen|<string>", lines[index])]
    chosen = (own or frames)[-1:]
    frame = [line for index in chosen for line in lines[index : index + 2]] if chosen else []
    return [*frame, lines[end], *_errors(lines[end + 1 : end + 4])]


def _errors(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if ERROR.search(line) and not NOISE.search(line)]


def _without_npm_usage(lines: Sequence[str]) -> list[str]:
    start = next((index for index, line in enumerate(lines) if NPM_USAGE.match(line)), len(lines))
    return [line for index, line in enumerate(lines) if index < start or not NPM_LINE.match(line)]


def _shorten(line: str, folders: Sequence[str]) -> str:
    for folder in sorted(folders, key=len, reverse=True):
        line = line.replace(f"{folder.rstrip('/')}/", "")
    return line.replace("/app/", "")
