"""The instructions of a Dockerfile that matter before buildah reads it (Dockerfile reference). Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

ESCAPE = re.compile(r"^#\s*escape\s*=\s*(\S)", re.IGNORECASE)
ARGUMENT = re.compile(r"""([A-Za-z_][A-Za-z0-9_]*)(=("[^"]*"|'[^']*'|\S*))?""")
SECRET = re.compile(r"--mount=(\S*type=secret\S*)")
QUOTED = re.compile(r"""\\.|(?<![<-])(?:"(?:\\.|[^"\\])*"|'[^']*')""")
"""A quoted text, or an escaped character outside of one: a search then reads each character once."""
HEREDOC = re.compile(r"""(?:(?<=\s)|^)\d*<<(-?)(["']?)([A-Za-z_][\w.-]*)\2(?=\s|[|;&)>]|$)""")
WITH_HEREDOCS = re.compile(r"(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A document between the lines of the Dockerfile (docs.docker.com/reference/dockerfile, here-documents)."""

    word: str
    """As the instruction has it: `<<-"EOF"`."""
    name: str
    is_quoted: bool
    """Variables in it are not expanded."""
    lines: tuple[str, ...]
    """As they are written, without the one that ends it."""
    strips_tabs: bool

    @property
    def text(self) -> str:
        lines = (line.lstrip("\t") for line in self.lines) if self.strips_tabs else self.lines
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    """In upper case."""
    rest: str
    """Its words. Continued lines are joined, comments left out."""
    source: str
    """As it is written, with the comments before it."""
    heredocs: tuple[Heredoc, ...] = ()


def parse(text: str) -> Iterator[Instruction]:
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").removesuffix("\n").split("\n")]
    directive = next((match[1] for line in lines[:3] if (match := ESCAPE.match(line.strip()))), "\\")
    pending, source = "", ""
    position = 0
    while position < len(lines):
        line = lines[position]
        position, stripped, source = position + 1, line.strip(), f"{source}{line}\n"
        is_left_out = not stripped or stripped.startswith("#")  # also between continued lines
        is_continued = is_left_out or stripped.endswith(directive)
        if is_continued:
            pending += "" if is_left_out else stripped[:-1] + " "
            stripped = ""
        if is_continued and position < len(lines):
            continue
        words = (pending + stripped).split(maxsplit=1)
        pending = ""
        if not words:
            continue
        name, rest = words[0], words[1] if len(words) > 1 else ""
        heredocs = []
        for match in _heredocs(rest) if WITH_HEREDOCS.match(f"{name} {rest}") else ():
            end = next((index for index in range(position, len(lines)) if _is_end(lines[index], match)), None)
            if end is None:
                break
            heredocs.append(Heredoc(match[0], match[3], bool(match[2]), tuple(lines[position:end]), bool(match[1])))
            source += "".join(f"{each}\n" for each in lines[position : end + 1])
            position = end + 1
        yield Instruction(name.upper(), rest.strip(), source, tuple(heredocs))
        source = ""


def _heredocs(rest: str) -> list[re.Match[str]]:
    """`<<NAME` within quotes is no heredoc."""
    return list(HEREDOC.finditer(QUOTED.sub(lambda match: "x" * len(match[0]), rest)))


def _is_end(line: str, heredoc: re.Match[str]) -> bool:
    return (line.lstrip("\t") if heredoc[1] else line) == heredoc[3]


def declared_arguments(text: str) -> frozenset[str]:
    """Return the names that ARG instructions declare, in any stage or before the first."""
    return frozenset(match[1] for each in parse(text) if each.name == "ARG" for match in ARGUMENT.finditer(each.rest))


def required_secrets(text: str) -> frozenset[str]:
    """Return the ids of `RUN --mount=type=secret,required=true`."""
    found = set()
    for each in parse(text):
        for match in SECRET.finditer(each.rest) if each.name == "RUN" else ():
            options = dict(option.partition("=")[::2] for option in match[1].split(","))
            target = options.get("target") or options.get("dst") or options.get("destination") or ""
            identifier = options.get("id") or target.rpartition("/")[2]
            if identifier and "required" in options and options["required"].lower() in ("", "true", "1"):
                found.add(identifier)
    return frozenset(found)
