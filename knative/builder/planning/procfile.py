"""Read a Procfile: one process type and its command on each line (devcenter.heroku.com/articles/procfile)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning.tree import Tree

PROCFILE = "Procfile"
LINE = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*:\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Procfile:
    commands: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    exists: bool = False


def read_procfile(tree: Tree) -> Procfile:
    """Return the process types. The last of several lines of one type counts, as on Heroku. Raises BuildFailure(not-recognized)."""
    if not tree.has(PROCFILE):
        misnamed = [name for name in tree.names if tree.has(name) and re.fullmatch(r"procfile(\.txt)?", name, re.IGNORECASE)]
        return Procfile(notices=tuple(f"{name} is not read; rename it to {PROCFILE}" for name in misnamed))
    commands: dict[str, str] = {}
    notices = []
    for number, text in enumerate(tree.text(PROCFILE).split("\n"), start=1):
        line = text.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.match(line)
        if match is None:
            notices.append(f"{PROCFILE} line {number} is not used; a line is `name: command`: {line}")
            continue
        name, command = match[1], match[2]
        if name.lower() in ("web", "release"):
            name = name.lower()
        if not command:
            raise BuildFailure(NOT_RECOGNIZED, f"{PROCFILE} line {number} has no command after `{name}:`. Add one or delete the line.")
        if name in commands:
            notices.append(f"{PROCFILE} has several lines `{name}:`; the last one is used, this one is not: {commands[name]}")
        commands[name] = command
    return Procfile(commands, tuple(notices), exists=True)
