"""`python -m tests.proof`: list the proofs. `python -m tests.proof NAME [pytest arguments]`: run one."""

import sys

import pytest

from tests.proof import PROOFS


def main(arguments: list[str]) -> int:
    if not arguments:
        print("Run one: ./taskw proof NAME")
        for name, each in PROOFS.items():
            print(f"  {name:<24} {each.description}")
        return 0
    name, *options = arguments
    if name not in PROOFS:
        print(f"Unknown proof {name!r}. Proofs: {', '.join(PROOFS)}", file=sys.stderr)
        return 2
    paths = [option for option in options if option.startswith("tests/")] or PROOFS[name].paths
    options = [option for option in options if not option.startswith("tests/")]
    return int(pytest.main(["--proof", name, "-p", "no:cacheprovider", *options, *paths]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
