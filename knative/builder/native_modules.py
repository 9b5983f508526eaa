"""Native modules of Node.js that pnpm left without a build, because their build scripts are not approved.

pnpm 10 and later run the build scripts of dependencies only if the repository approves them, and pnpm 10 ends with 0
when it left some out. A module that works without its script (a notice of its author, a faster binary) is no problem. A
module that has to be compiled and was not fails when the application starts.
"""

import re
from collections.abc import Iterable
from pathlib import Path

RECORD = "node_modules/.modules.yaml"
"""pnpm's record of an installation, JSON in fact; `ignoredBuilds` lists name@version (https://pnpm.io/settings#strictdepbuilds)."""
MAX_RECORD_BYTES = 64 << 20
_IGNORED = re.compile(r'"?ignoredBuilds"?:\s*(\[[^\]]*\]|(?:\s*-\s*\S+)+)')
_NAME = re.compile(r"(@?[^@\s\"'\[\],]+(?:/[^@\s\"'\[\],]+)?)@[^\s\"',\]]+")


def find_unbuilt(folder: Path) -> list[str]:
    """Return the names of the modules in `folder` that have to be compiled and were not."""
    record = folder / RECORD
    if not record.is_file() or record.stat().st_size > MAX_RECORD_BYTES:
        return []
    listed = _IGNORED.search(record.read_text(errors="replace"))
    names = sorted({match[1] for match in _NAME.finditer(listed[1])}) if listed else []
    return [name for name in names if any(map(_has_to_be_built, _places(folder, name)))]


def _places(folder: Path, name: str) -> Iterable[Path]:
    """Return where pnpm put a module: in its virtual store, or directly in node_modules with a hoisted linker."""
    return [*folder.glob(f"node_modules/.pnpm/*/node_modules/{name}"), folder / "node_modules" / name]


def _has_to_be_built(module: Path) -> bool:
    return (module / "binding.gyp").is_file() and not any(module.rglob("*.node"))
