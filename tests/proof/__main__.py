"""`python -m tests.proof`: list the proofs. `python -m tests.proof NAME [pytest arguments]`: run one."""

import sys

import pytest

from tests.proof import PROOFS

FOLDERS = {
    "adding-a-function": ["tests/documents/test_adding_a_function.py"],
    "pooler": ["tests/adapters/test_through_pgbouncer.py"],
    "recovery": [
        *("tests/journeys/test_accidents.py", "tests/journeys/test_grouped.py", "tests/gateway/test_live.py", "tests/deploy/test_through_runtime.py"),
        *(f"tests/runtime/test_{name}.py" for name in ("accidents", "outages", "bad_messages", "bad_postgresql", "bad_rabbitmq")),
        *("tests/knative/eventing/test_connection.py", "tests/knative/serving/test_scaling.py", "tests/knative/jobs/test_jobs.py"),
    ],
    "tenant-isolation": ["tests/hostile", "tests/knative/sandbox", "tests/knative/test_orphans.py"],
}
"""Folders and files of a proof. Their unmarked tests run too."""


def main(arguments: list[str]) -> int:
    if not arguments:
        print("Run one: ./taskw proof NAME")
        for name, description in PROOFS.items():
            print(f"  {name:<18} {description}")
        return 0
    name, *options = arguments
    if name not in PROOFS:
        print(f"Unknown proof {name!r}. Proofs: {', '.join(PROOFS)}", file=sys.stderr)
        return 2
    paths = [option for option in options if option.startswith("tests/")] or FOLDERS[name]
    options = [option for option in options if not option.startswith("tests/")]
    return int(pytest.main(["--proof", name, "-p", "no:cacheprovider", *options, *paths]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
