"""An image that can be started, and its manifest."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from knative.local.images.errors import BadImage
from knative.local.images.reference import PROJECT

DEFAULT_COMMAND = ("python", "-m", "functions.runtime.serving.serve")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOUNT = "/app"
"""Where a sandbox shows an application's image."""
MAX_MANIFEST_BYTES = 64 << 10
ROOT = "{root}"
IDS = 65_536
"""Users and groups of an image with a root of its own: 0 to 65,535."""
USER = re.compile(r"([0-9]{1,5})(?::([0-9]{1,5}))?")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of an image with a root of its own that names no PATH (Docker's default)."""


@dataclass(frozen=True, slots=True)
class OwnRoot:
    """What an image with a root file system of its own names besides its command (OCI image configuration)."""

    uid: int
    gid: int
    directory: str
    """Where its command starts, absolute."""
    groups: tuple[int, ...] = ()
    """Supplementary groups of its user."""
    port: int = 0
    """The port on which it listens whatever PORT says; 0: not known."""


@dataclass(frozen=True, slots=True)
class Image:
    """`command` and `env` may contain the placeholder `{root}`, which `placed` replaces."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = PROJECT
    """The root folder of the image on this machine."""
    platform: bool = False
    own_root: OwnRoot | None = None
    """None: it is mounted at MOUNT, above this machine's programs."""

    def placed(self, root: str | None = None) -> "Image":
        """Return the image with `{root}` replaced by the folder in which its process sees it: MOUNT in a sandbox;
        default: its folder on this machine.
        """
        place = str(self.folder) if root is None else root
        env = {name: value.replace(ROOT, place) for name, value in self.env.items()}
        return replace(self, command=tuple(word.replace(ROOT, place) for word in self.command), env=env)


@dataclass(frozen=True, slots=True)
class Manifest:
    command: tuple[str, ...]
    env: Mapping[str, str]
    own_root: OwnRoot | None = None


def parse_manifest(document: bytes) -> Manifest:
    """Parse image.json: `{"cmd": [...], "env": {...}, "kind": "python"}`.

    An image with a root file system of its own has in addition `{"root": true, "user": "uid:gid", "groups": [gid],
    "workdir": "/…", "port": 8080}`, the last four optional. The build wrote it, so it is not trusted. Raises BadImage.

    orjson bounds the depth of a document (1,024).
    """
    if len(document) > MAX_MANIFEST_BYTES:
        raise BadImage(f"image.json is larger than {MAX_MANIFEST_BYTES:,} bytes.")
    try:
        found = orjson.loads(document)
    except ValueError as error:
        raise BadImage(f"image.json is not a JSON document: {error}.") from error
    command, env = (found.get("cmd"), found.get("env", {})) if isinstance(found, dict) else (None, None)
    if not (isinstance(command, list) and command and all(_is_word(word) for word in command)):
        raise BadImage("image.json: cmd must be a list of strings.")
    if not (isinstance(env, dict) and all(_is_word(name) and name and "=" not in name and _is_word(value) for name, value in env.items())):
        raise BadImage("image.json: env must map names to strings.")
    return Manifest(tuple(command), env, _parse_own_root(found))


def _parse_own_root(found: Mapping[str, object]) -> OwnRoot | None:
    if found.get("root") is not True:
        return None
    user, directory, groups, port = (found.get("user", "0"), found.get("workdir", "/"), found.get("groups", []), found.get("port", 0))
    ids = USER.fullmatch(user) if isinstance(user, str) else None
    numbers = [int(each) for each in (ids[1], ids[2] or ids[1])] if ids else []
    if not numbers or max(numbers) >= IDS:
        raise BadImage(f"image.json: user must be a number or two with a colon, each below {IDS:,}.")
    if not (_is_word(directory) and str(directory).startswith("/")):
        raise BadImage("image.json: workdir must be an absolute path.")
    if not (isinstance(groups, list) and len(groups) <= 64 and all(isinstance(each, int) and 0 <= each < IDS for each in groups)):
        raise BadImage(f"image.json: groups must be at most 64 numbers below {IDS:,}.")
    if not (isinstance(port, int) and 0 <= port < 1 << 16):
        raise BadImage("image.json: port must be a port number.")
    return OwnRoot(numbers[0], numbers[1], str(directory), tuple(groups), port)


def _is_word(value: object) -> bool:
    """Return whether execve(2) accepts it."""
    return isinstance(value, str) and "\0" not in value


def search_path(env: Mapping[str, str]) -> str:
    """Return the PATH of an application: its image's, this Python's, the system's."""
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve().parent
    return ":".join(filter(None, (env.get("PATH", ""), f"{interpreter}:{SYSTEM_PATH}")))
