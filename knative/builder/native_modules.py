"""Native modules of Node.js that were left without a build, because their install scripts are not approved.

pnpm 10 and npm 12 and later run the install scripts of dependencies only if the repository approves them, and both end
with 0 when they left some out. A module that works without its script (a notice of its author, a faster binary) is no
problem. A module that has to be compiled and was not fails when the application starts.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

PNPM_RECORD = "node_modules/.modules.yaml"
"""pnpm's record of an installation, JSON in fact; `ignoredBuilds` lists name@version (https://pnpm.io/settings#strictdepbuilds)."""
NPM_RECORD = "node_modules/.package-lock.json"
"""npm's record of an installation; `hasInstallScript` marks packages (https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json)."""
MAX_RECORD_BYTES = 64 << 20
_IGNORED = re.compile(r'"?ignoredBuilds"?:\s*(\[[^\]]*\]|(?:\s*-\s*\S+)+)')
_NAME = re.compile(r"(@?[^@\s\"'\[\],]+(?:/[^@\s\"'\[\],]+)?)@[^\s\"',\]]+")


def explain_unbuilt(folder: Path, manager: str) -> str:
    """Say which modules in `folder` have to be compiled and were not, and what approves them; "" if there are none. `manager`: "pnpm" or "npm"."""
    names = _left_by_pnpm(folder) if manager == "pnpm" else _left_by_npm(folder)
    if not names:
        return ""
    problem = f"{manager} did not build the native module {' and '.join(names)}, because the repository does not approve its install script."
    if manager == "pnpm":
        listed = ", ".join(f'"{name}"' for name in names)
        return f'{problem} Add to package.json: "pnpm": {{"onlyBuiltDependencies": [{listed}]}}, or run pnpm approve-builds.'
    listed = ", ".join(f'"{name}": true' for name in names)
    return f'{problem} Add to package.json: "allowScripts": {{{listed}}}, or run npm install-scripts approve; and do not set ignore-scripts.'


def _left_by_pnpm(folder: Path) -> list[str]:
    listed = _IGNORED.search(_read(folder / PNPM_RECORD))
    names = sorted({match[1] for match in _NAME.finditer(listed[1])}) if listed else []
    return [name for name in names if any(map(_has_to_be_built, _places(folder, name)))]


def _left_by_npm(folder: Path) -> list[str]:
    try:
        record = json.loads(_read(folder / NPM_RECORD) or "{}")
    except (ValueError, RecursionError):
        return []
    packages = record.get("packages") if isinstance(record, dict) else None
    marked = [
        place
        for place, package in (packages if isinstance(packages, dict) else {}).items()
        if isinstance(package, dict) and package.get("hasInstallScript") is True and ".." not in place
    ]
    return sorted({place.rpartition("node_modules/")[2] for place in marked if _has_to_be_built(folder / place)})


def _read(record: Path) -> str:
    is_readable = record.is_file() and record.stat().st_size <= MAX_RECORD_BYTES
    return record.read_text(errors="replace") if is_readable else ""


def _places(folder: Path, name: str) -> Iterable[Path]:
    """Return where pnpm put a module: in its virtual store, or directly in node_modules with a hoisted linker."""
    return [*folder.glob(f"node_modules/.pnpm/*/node_modules/{name}"), folder / "node_modules" / name]


def _has_to_be_built(module: Path) -> bool:
    return (module / "binding.gyp").is_file() and not any(module.rglob("*.node"))
