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
    """`command` and `env` may hold the placeholder `{root}`; `placed` replaces it."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = PROJECT
    """The root folder of the image on this machine."""
    platform: bool = False

    def placed(self, root: str | None = None) -> "Image":
        """The image with `{root}` replaced by the folder at which its process sees it: MOUNT in a sandbox; by default its folder on this machine."""
        place = str(self.folder) if root is None else root
        env = {name: value.replace(ROOT, place) for name, value in self.env.items()}
        return replace(self, command=tuple(word.replace(ROOT, place) for word in self.command), env=env)


@dataclass(frozen=True, slots=True)
class Manifest:
    command: tuple[str, ...]
    env: Mapping[str, str]


def parse_manifest(document: bytes) -> Manifest:
    """image.json: `{"cmd": [...], "env": {...}, "kind": "python"}`, written by the build, so nothing of it is trusted.

    orjson bounds the depth of what it reads (1,024). Raises BadImage.
    """
    if len(document) > MAX_MANIFEST_BYTES:
        raise BadImage(f"image.json is larger than {MAX_MANIFEST_BYTES:,} bytes.")
    try:
        found = orjson.loads(document)
    except ValueError as error:
        raise BadImage(f"image.json is no JSON document: {error}.") from error
    command, env = (found.get("cmd"), found.get("env", {})) if isinstance(found, dict) else (None, None)
    if not (isinstance(command, list) and command and all(_is_word(word) for word in command)):
        raise BadImage("image.json: cmd must be a list of words.")
    if not (isinstance(env, dict) and all(_is_word(name) and name and "=" not in name and _is_word(value) for name, value in env.items())):
        raise BadImage("image.json: env must map names to text.")
    return Manifest(tuple(command), env)


def _is_word(value: object) -> bool:
    """Text that execve(2) accepts."""
    return isinstance(value, str) and "\0" not in value


def search_path(env: Mapping[str, str]) -> str:
    """PATH of an application: its image's, this Python's, the system's."""
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve().parent
    return ":".join(filter(None, (env.get("PATH", ""), f"{interpreter}:{SYSTEM_PATH}")))
