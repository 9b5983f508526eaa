"""The lines of a program's output that say why it failed: the end of a traceback, the first error of a compiler.

A pure function of text that tenant code has written: its rules only decide what is quoted, and every line of it stays
in the log. Each rule knows one kind of report; where none matches, the last lines are quoted.
"""

import re
from collections.abc import Callable, Sequence

MAX_LINES = 4
MAX_LENGTH = 800
"""In characters."""
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control sequences (ECMA-48 section 5.4) and other control characters."""
IMAGE_FOLDER = re.compile(r"(?<![\w.-])(?:file://)?(?:/workspace/(?:source|image(?:/rootfs)?)|/app)/")
"""Where builds and instances see the files of the repository: a path is quoted as it is in the repository."""
LIBRARY = re.compile(r"site-packages|dist-packages|lib/python3|node_modules|node:internal|<frozen|/gems/|/usr/")

TRACEBACK = "Traceback (most recent call last):"
PYTHON_FRAME = re.compile(r'\s*File "([^"]+)", line (\d+)')
JAVASCRIPT_ERROR = re.compile(r"(?:Uncaught )?(?:[A-Za-z_$][\w$.]*)?(?:Error|Exception)(?: \[\w+\])?: \S")
JAVASCRIPT_FRAME = re.compile(r"\s+at (?:.*\()?(?:file://)?([^\s()]+):(\d+):\d+\)?(?: \{)?$")
JAVASCRIPT_PLACE = re.compile(r"(?:file://)?(/\S+\.[cm]?[jt]sx?):(\d+)$")
GO_PANIC = re.compile(r"(?:panic|fatal error): ")
GO_FRAME = re.compile(r"\s+(/\S+\.go):(\d+)")
RUST_PANIC = re.compile(r"thread '.*' panicked at ")
COMPILER_ERRORS = tuple(
    re.compile(each)
    for each in (
        r"\S+\.[cm]?tsx?(?:\(\d+,\d+\)|:\d+:\d+):?(?: -)? error TS\d+: ",
        r"\S+:\d+(?::\d+)?: (?:fatal )?error: ",
        r"(?:\./)?\S+\.go:\d+(?::\d+)?: ",
        r"error(?:\[E\d+\])?: .*",
        r"\[ERROR\] \S+\.(?:java|kt):\[\d+,\d+\] ",
    )
)
RUST_PLACE = re.compile(r"\s+--> (\S+)")
RUBY_ERROR = re.compile(r"\S+:\d+:in .+: .+ \([A-Z][\w:]*\)$")
JAVA_ERROR = re.compile(r'(?:Exception in thread ".*"|Caused by:) \S')
PHP_ERROR = re.compile(r"(?:PHP )?(?:Fatal|Parse) error:\s")
NPM_ERROR = re.compile(r"npm (?:error|ERR!) (?!code |path |errno |syscall |command |cwd |dest |file |signal |A complete log|\s*$)")
INSTALLER_ERRORS = tuple(re.compile(each) for each in (r"ERR_PNPM_\w+", r"ERROR: \S", r"\s*(?:×|error:) \S", r"Could not find gem ", r"\[ERROR\] \S"))


def quote_cause(output: str) -> str:
    """Return the lines of a failed program's output that say why it failed, at most MAX_LINES; "" for no output."""
    lines = [line.rstrip() for line in CONTROL.sub("", output.replace("\r\n", "\n").replace("\r", "\n")).split("\n")]
    if not any(lines):
        return ""
    found = next((quoted for rule in RULES if (quoted := rule(lines))), None) or [line for line in lines if line.strip()][-MAX_LINES + 1 :]
    return "\n".join(IMAGE_FOLDER.sub("", line) for line in found[:MAX_LINES])[:MAX_LENGTH].strip()


def _python(lines: Sequence[str]) -> list[str] | None:
    """The exception of the last traceback, with its place in the application. Of a long one only the end may be here."""
    starts = [index for index, line in enumerate(lines) if line.endswith(TRACEBACK)]
    first_frame = next((index for index, line in enumerate(lines) if PYTHON_FRAME.match(line)), None)
    if first_frame is not None and first_frame < (starts or [len(lines)])[0]:
        starts.insert(0, first_frame - 1)
    for start in reversed(starts):
        frames: list[tuple[str, str]] = []
        for index, line in enumerate(lines[start + 1 :], start + 1):
            if frame := PYTHON_FRAME.match(line):
                frames.append((frame[1], frame[2]))
            elif line and not line[0].isspace():
                exception = [line, *_continuation(lines, index + 1)]
                return _with_place(exception, frames[::-1])
    return None


def _syntax_error(lines: Sequence[str]) -> list[str] | None:
    """A syntax error of Python's own compiler: without a traceback, because no code has run."""
    for index in range(len(lines) - 1, 0, -1):
        if re.match(r"(?:Syntax|Indentation|Tab)Error: ", lines[index]):
            places = [(frame[1], frame[2]) for line in lines[max(0, index - 4) : index] if (frame := PYTHON_FRAME.match(line))]
            if places:
                return _with_place([lines[index]], places)
    return None


def _javascript(lines: Sequence[str]) -> list[str] | None:
    """The last error that a stack trace follows, with its place in the application."""
    for index in range(len(lines) - 1, -1, -1):
        if not JAVASCRIPT_ERROR.match(lines[index]):
            continue
        frames = [(frame[1], frame[2]) for line in lines[index + 1 : index + 30] if (frame := JAVASCRIPT_FRAME.match(line))]
        if not frames:
            continue
        places = [(place[1], place[2]) for line in lines[max(0, index - 6) : index] if (place := JAVASCRIPT_PLACE.match(line))]
        return _with_place([lines[index]], [*frames, *places])
    return None


def _go(lines: Sequence[str]) -> list[str] | None:
    for index, line in enumerate(lines):
        if GO_PANIC.match(line) and any(each.startswith("goroutine ") for each in lines[index:]):
            return _with_place([line], [(frame[1], frame[2]) for each in lines[index:] if (frame := GO_FRAME.match(each))])
    return None


def _rust(lines: Sequence[str]) -> list[str] | None:
    index = _last(lines, RUST_PANIC)
    return None if index is None else [line for line in lines[index : index + 2] if line]


def _compiler(lines: Sequence[str]) -> list[str] | None:
    """The first error: the ones that follow are often its consequences."""
    for pattern in COMPILER_ERRORS:
        for index, line in enumerate(lines):
            if pattern.match(line):
                place = RUST_PLACE.match(lines[index + 1]) if index + 1 < len(lines) else None
                if pattern is COMPILER_ERRORS[3] and place is None:
                    continue
                return [f"{line} ({place[1]})" if place else line]
    return None


def _java(lines: Sequence[str]) -> list[str] | None:
    index = _last(lines, JAVA_ERROR)
    return None if index is None else [lines[index].removeprefix("Caused by: ")]


def _npm(lines: Sequence[str]) -> list[str] | None:
    found = [line for line in lines if NPM_ERROR.match(line)]
    return found[:2] or None


def _installer(lines: Sequence[str]) -> list[str] | None:
    for pattern in INSTALLER_ERRORS:
        if (index := _last(lines, pattern)) is not None:
            return [lines[index].strip(), *_continuation(lines, index + 1)]
    return None


def _last_match(pattern: re.Pattern[str]) -> "Rule":
    def rule(lines: Sequence[str]) -> list[str] | None:
        index = _last(lines, pattern)
        return None if index is None else [lines[index]]

    return rule


Rule = Callable[[Sequence[str]], list[str] | None]
RULES: tuple[Rule, ...] = (
    *(_python, _syntax_error, _javascript, _go, _rust, _compiler, _last_match(RUBY_ERROR), _java, _last_match(PHP_ERROR)),
    *(_npm, _installer),
)
"""In order: an installer repeats the error of the compiler that it ran."""


def _last(lines: Sequence[str], pattern: re.Pattern[str]) -> int | None:
    return next((index for index in range(len(lines) - 1, -1, -1) if pattern.match(lines[index])), None)


def _continuation(lines: Sequence[str], start: int) -> list[str]:
    """Indented lines that continue a message."""
    found = []
    for line in lines[start : start + MAX_LINES - 1]:
        if not line.strip() or not line[0].isspace():
            break
        found.append(line.strip())
    return found


def _with_place(message: list[str], frames: Sequence[tuple[str, str]]) -> list[str]:
    """Append file and line of the first frame that is no library's."""
    place = next((f"{file}:{line}" for file, line in frames if not LIBRARY.search(file)), None)
    return [f"{message[0]} ({place})", *message[1:]] if place else message
