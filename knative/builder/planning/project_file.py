"""Read capsule.toml: every key is used, refused with what it should be, or named in a notice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning.tree import Tree, string, table

PROJECT_FILE = "capsule.toml"
TEXTS = {
    "build": {"directory": "services/api", "builder": "native", "command": "npm run build"},
    "deploy": {"start": "node server.js", "release": "node migrate.js", "health_path": "/healthy"},
}
"""Section → key → an example of its value, for messages."""
PORT = "deploy.port"
PROCESSES = "processes"
OF_THE_COMMAND_LINE = ("app", "environment")
KNOWN = (*OF_THE_COMMAND_LINE, *(f"{section}.{key}" for section, keys in TEXTS.items() for key in keys), PORT, PROCESSES)
TYPES = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table", str: "text"}
RESERVED_PORTS = frozenset({8008, 8012, 8013, 8022, 9090, 9091})
"""Of Knative's own containers beside the application."""


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """The keys that builds read. Empty: not set."""

    directory: str = ""
    builder: str = ""
    command: str = ""
    start: str = ""
    release: str = ""
    health_path: str = ""
    port: int = 0
    processes: Mapping[str, str] = field(default_factory=dict)
    """Without `web` and `release`, which are `start` and `release`."""
    notices: tuple[str, ...] = ()


def read_project_file(tree: Tree) -> ProjectFile:
    """Return the file of a folder. Raises BuildFailure: build-failed if it is not TOML, not-recognized for a value of another type."""
    content = tree.toml(PROJECT_FILE)
    if not content:
        return ProjectFile()
    place = tree.place(PROJECT_FILE)
    for section in (*TEXTS, PROCESSES):
        _check(place, section, content.get(section, {}), dict, f"[{section}]")
    for section, keys in TEXTS.items():
        for key, example in keys.items():
            _check(place, f"{section}.{key}", table(content, section).get(key, ""), str, f'{key} = "{example}"')
    for name, line in table(content, PROCESSES).items():
        _check(place, f"{PROCESSES}.{name}", line, str, f'{name} = "node {name}.js"')
    processes = {name: line.strip() for name, line in table(content, PROCESSES).items() if line.strip()}
    web, release = processes.pop("web", ""), processes.pop("release", "")
    unknown = _unknown(content)
    notices = (f"{place}: {', '.join(unknown)} is not known and not used; known are {', '.join(KNOWN)}",) if unknown else ()
    return ProjectFile(
        directory=string(content, "build", "directory"),
        builder=string(content, "build", "builder"),
        command=string(content, "build", "command"),
        start=string(content, "deploy", "start") or web,
        release=string(content, "deploy", "release") or release,
        health_path=string(content, "deploy", "health_path"),
        port=_port(place, table(content, "deploy").get("port")),
        processes=processes,
        notices=notices,
    )


def _check(place: str, key: str, value: Any, expected: type, example: str) -> None:
    """Raises BuildFailure(not-recognized) if a value has another type."""
    if not isinstance(value, expected):
        found = TYPES.get(type(value), "a date")
        raise BuildFailure(NOT_RECOGNIZED, f"{place}: {key} is {found}, but must be {TYPES[expected]}: {example}")


def _unknown(content: dict[str, Any]) -> list[str]:
    names = [name for name in content if name not in (*OF_THE_COMMAND_LINE, *TEXTS, PROCESSES)]
    found = [f"[{name}]" if isinstance(content[name], dict) else name for name in names]
    for section, keys in TEXTS.items():
        found += [f"{section}.{key}" for key in table(content, section) if key not in keys and f"{section}.{key}" != PORT]
    return found


def _port(place: str, value: object) -> int:
    """Raises BuildFailure(not-recognized) if it is no port that an application may have."""
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 16 and value not in RESERVED_PORTS:
        return value
    reserved = ", ".join(str(each) for each in sorted(RESERVED_PORTS))
    detail = f"{place}: {PORT} is {value!r}. Write a number from 1 to 65535, without quotes: port = 3000. The platform uses {reserved} itself."
    raise BuildFailure(NOT_RECOGNIZED, detail)
