"""The instructions of a Dockerfile that matter before buildah reads it (Dockerfile reference). Pure."""

import re
from collections.abc import Iterator

ESCAPE = re.compile(r"^#\s*escape\s*=\s*(\S)", re.IGNORECASE)
ARGUMENT = re.compile(r"""([A-Za-z_][A-Za-z0-9_]*)(=("[^"]*"|'[^']*'|\S*))?""")
SECRET = re.compile(r"--mount=(\S*type=secret\S*)")


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name in upper case, rest of the line) of each instruction; continued lines are joined, comments left out."""
    lines = text.splitlines()
    directive = next((match[1] for line in lines[:3] if (match := ESCAPE.match(line.strip()))), "\\")
    pending = ""
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("#") or not (stripped or pending):
            continue
        if stripped.endswith(directive):
            pending += stripped[:-1] + " "
            continue
        name, _, rest = (pending + stripped).strip().partition(" ")
        pending = ""
        if name:
            yield name.upper(), rest.strip()


def declared_arguments(text: str) -> frozenset[str]:
    """Return the names that ARG instructions declare, in any stage or before the first."""
    return frozenset(match[1] for name, rest in instructions(text) if name == "ARG" for match in ARGUMENT.finditer(rest))


def required_secrets(text: str) -> frozenset[str]:
    """Return the ids of `RUN --mount=type=secret,required=true`."""
    found = set()
    for name, rest in instructions(text):
        for match in SECRET.finditer(rest) if name == "RUN" else ():
            options = dict(option.partition("=")[::2] for option in match[1].split(","))
            target = options.get("target") or options.get("dst") or options.get("destination") or ""
            identifier = options.get("id") or target.rpartition("/")[2]
            if identifier and "required" in options and options["required"].lower() in ("", "true", "1"):
                found.add(identifier)
    return frozenset(found)


def base_images(text: str) -> tuple[str, ...]:
    """Return the references after FROM, in order, as they are written."""
    words = [[word for word in rest.split() if not word.startswith("--")] for name, rest in instructions(text) if name == "FROM"]
    return tuple(each[0] for each in words if each)
