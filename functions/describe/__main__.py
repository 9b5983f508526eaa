"""`python -m functions.describe [--check]`: writes every generated file, or fails when one is not what the declarations say."""

import argparse
import sys
from pathlib import Path

import functions
from functions.describe.catalog import Catalog
from functions.describe.outputs import documents, drifted, stale
from functions.describe.pools import PoolsTooLarge
from functions.describe.text import COMMAND
from functions.runtime.registry import Registry, wiring_of

ROOT = Path(functions.__file__).parent.parent


def main() -> int:
    arguments = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    arguments.add_argument("--check", action="store_true", help="change nothing; fail if a file differs")
    check = arguments.parse_args().check
    try:
        wanted = documents(Catalog.of(Registry.load().declarations), wiring_of)
    except PoolsTooLarge as error:
        print(error, file=sys.stderr)
        return 1
    changed, gone = drifted(ROOT, wanted), stale(ROOT, wanted)
    if check:
        if changed or gone:
            print("These generated files are not what the declarations say:", *changed, *gone, sep="\n  ", file=sys.stderr)
            print(f"To mend it: {COMMAND}", file=sys.stderr)
        return 1 if changed or gone else 0
    for name in changed:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(wanted[name])
    for name in gone:
        (ROOT / name).unlink()
    print(f"{len(wanted)} files: {len(changed)} written, {len(gone)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
