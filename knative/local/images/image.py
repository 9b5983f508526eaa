"""An image that can be started, and its manifest."""

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


@dataclass(frozen=True, slots=True)
class Image:
    """`command` and `env` may contain the placeholder `{root}`, which `placed` replaces."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = PROJECT
    """The root folder of the image on this machine."""
    platform: bool = False

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


def parse_manifest(document: bytes) -> Manifest:
    """Parse image.json: `{"cmd": [...], "env": {...}, "kind": "python"}`.

    The build wrote it, so it is not trusted. Raises BadImage.

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
    return Manifest(tuple(command), env)


def _is_word(value: object) -> bool:
    """Return whether execve(2) accepts it."""
    return isinstance(value, str) and "\0" not in value


def search_path(env: Mapping[str, str]) -> str:
    """Return the PATH of an application: its image's, this Python's, the system's."""
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve().parent
    return ":".join(filter(None, (env.get("PATH", ""), f"{interpreter}:{SYSTEM_PATH}")))
