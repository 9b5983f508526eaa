"""`python -m tests.proof`: the list of proofs. `python -m tests.proof NAME [pytest's arguments]`: runs one."""

import sys

import pytest

from tests.proof import PROOFS

FOLDERS = {
    "adding-a-function": ["tests/documents/test_adding_a_function.py"],
    "tenant-isolation": ["tests/hostile", "tests/knative/sandbox", "tests/knative/test_orphans.py"],
}
"""Where the tests of a proof are. Those in the same folder that every `test` runs belong to it too: they are its first assertions."""


def main(arguments: list[str]) -> int:
    if not arguments:
        print("./taskw proof NAME runs one of:")
        for name, words in PROOFS.items():
            print(f"  {name:<18} {words}")
        return 0
    name, *more = arguments
    if name not in PROOFS:
        print(f"There is no proof {name!r}. There are: {', '.join(PROOFS)}", file=sys.stderr)
        return 2
    places = [word for word in more if word.startswith("tests/")] or FOLDERS[name]
    options = [word for word in more if not word.startswith("tests/")]
    return int(pytest.main(["--proof", name, "-p", "no:cacheprovider", *options, *places]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
