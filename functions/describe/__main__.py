"""`python -m functions.describe` writes every generated file. `--check` fails when one is not what the declarations say, or when a schema breaks
what was promised by the newest release. `--release 0.1.0` makes such a promise."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import functions
from functions.describe.catalog import Catalog
from functions.describe.outputs import documents, drifted, stale
from functions.describe.pools import PoolsTooLarge
from functions.describe.releases import KINDS, NotARelease, broken_promises, release
from functions.describe.text import COMMAND
from functions.runtime.config.registry import Registry, wiring_of

ROOT = Path(functions.__file__).parent.parent


def main() -> int:
    arguments = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    arguments.add_argument("--check", action="store_true", help="change nothing; fail if a file differs or a schema breaks a promise")
    arguments.add_argument("--release", metavar="VERSION", help="keep the schemas as they are now as what was promised with this version")
    asked = arguments.parse_args()
    try:
        wanted = documents(Catalog.of(Registry.load().declarations), wiring_of)
    except PoolsTooLarge as error:
        return _refused(str(error))
    if asked.check:
        return _check(wanted)
    if asked.release:
        return _release(asked.release, wanted)
    return _write(wanted)


def _refused(*lines: str) -> int:
    print(*lines, sep="\n  ", file=sys.stderr)
    return 1


def _schemas(wanted: Mapping[str, str]) -> dict[str, str]:
    """Those of messages, by their path below `schemas/`."""
    paths = {path: path.removeprefix("schemas/") for path in wanted if path.endswith(".json")}
    return {short: wanted[path] for path, short in paths.items() if short.split("/")[0] in KINDS}


def _check(wanted: Mapping[str, str]) -> int:
    code = 0
    if differing := [*drifted(ROOT, wanted), *stale(ROOT, wanted)]:
        code = _refused("These generated files are not what the declarations say:", *differing, f"To mend it: {COMMAND}")
    if broken := broken_promises(ROOT, {path: json.loads(text) for path, text in _schemas(wanted).items()}):
        code = _refused("These schemas break what was released; keep the promise, or raise the type's version:", *broken)
    return code


def _release(version: str, wanted: Mapping[str, str]) -> int:
    if differing := drifted(ROOT, wanted):
        return _refused("These generated files are not what the declarations say:", *differing, f"To mend it: {COMMAND}")
    try:
        amount = release(ROOT, version, _schemas(wanted))
    except NotARelease as error:
        return _refused(str(error))
    print(f"{amount} schemas are promised with {version}")
    return 0


def _write(wanted: Mapping[str, str]) -> int:
    changed, gone = drifted(ROOT, wanted), stale(ROOT, wanted)
    for name in changed:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(wanted[name])
    for name in gone:
        (ROOT / name).unlink()
    print(f"{len(wanted)} files: {len(changed)} written, {len(gone)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
