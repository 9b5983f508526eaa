"""Write every generated file. `--check` fails if one is out of date, or a schema is incompatible with the newest release."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import functions
from functions.describe.catalog import Catalog
from functions.describe.outputs import documents, find_obsolete, find_outdated
from functions.describe.pools import PoolsTooLarge
from functions.describe.releases import KINDS, InvalidRelease, find_incompatible, release
from functions.describe.text import COMMAND
from functions.runtime.config.registry import Registry, wiring_of

ROOT = Path(functions.__file__).parent.parent


def main() -> int:
    arguments = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    arguments.add_argument("--check", action="store_true", help="change nothing; fail if a file is out of date or a schema is incompatible")
    arguments.add_argument("--release", metavar="VERSION", help="store the schemas as those of this version")
    options = arguments.parse_args()
    try:
        generated = documents(Catalog.of(Registry.load().declarations), wiring_of)
    except PoolsTooLarge as error:
        return _fail(str(error))
    if options.check:
        return _check(generated)
    if options.release:
        return _release(options.release, generated)
    return _write(generated)


def _fail(*lines: str) -> int:
    print(*lines, sep="\n  ", file=sys.stderr)
    return 1


def _message_schemas(generated: Mapping[str, str]) -> dict[str, str]:
    """Return the schemas of messages, by their path below `schemas/`."""
    paths = {path: path.removeprefix("schemas/") for path in generated if path.endswith(".json")}
    return {short: generated[path] for path, short in paths.items() if short.split("/")[0] in KINDS}


def _check(generated: Mapping[str, str]) -> int:
    code = 0
    if outdated := [*find_outdated(ROOT, generated), *find_obsolete(ROOT, generated)]:
        code = _fail("These generated files are out of date:", *outdated, f"To fix it: {COMMAND}")
    if incompatible := find_incompatible(ROOT, {path: json.loads(text) for path, text in _message_schemas(generated).items()}):
        code = _fail("These schemas are incompatible with the newest release. Change them, or raise the version of the type:", *incompatible)
    return code


def _release(version: str, generated: Mapping[str, str]) -> int:
    if outdated := find_outdated(ROOT, generated):
        return _fail("These generated files are out of date:", *outdated, f"To fix it: {COMMAND}")
    try:
        count = release(ROOT, version, _message_schemas(generated))
    except InvalidRelease as error:
        return _fail(str(error))
    print(f"Stored {count} schemas as those of {version}")
    return 0


def _write(generated: Mapping[str, str]) -> int:
    outdated, obsolete = find_outdated(ROOT, generated), find_obsolete(ROOT, generated)
    for name in outdated:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(generated[name])
    for name in obsolete:
        (ROOT / name).unlink()
    print(f"{len(generated)} files: {len(outdated)} written, {len(obsolete)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
