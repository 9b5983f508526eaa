"""Which tests run, and in which order: the fast ones alone, and the longest files first.

`--fast` keeps the tests that start no server and no process of the platform: use cases in memory, generated files, rendering, pure rules.

With `--dist loadfile` a worker takes one file after another. A file that takes minutes must not come last, when the other workers have nothing left
to do. pytest-xdist orders files by their number of tests; this order replaces it (`--no-loadscope-reorder`).
"""

from pathlib import Path

import pytest

SERVERS = frozenset(
    (
        *("account", "built", "cluster", "emptied_rabbitmq", "findings", "machine", "own_machine", "own_postgres"),
        *("own_rabbitmq", "own_server", "own_whole"),
        *("platform", "pods", "postgres", "process", "rabbitmq", "server", "subscriber", "vhost", "whole"),
    )
)
"""Fixtures that start a server, or a process of the platform."""
WITH_PROCESSES = (
    *("tests/adapters", "tests/builder", "tests/documents", "tests/hostile", "tests/journeys", "tests/knative", "tests/machine"),
    *(f"tests/generated/test_{name}.py" for name in ("architecture", "asyncapi_parser", "drift", "manifests")),
)
"""Folders and files whose tests start processes themselves."""
LONGEST = (
    "tests/cli/test_journey.py",
    "tests/runtime/test_accidents.py",
    "tests/knative/pods/test_consuming.py",
    "tests/generated/test_manifests.py",  # before the journeys: they wait until the Capsule of the first file is up
    "tests/knative/serving",
    "tests/journeys",
    "tests/knative/api",
    "tests/generated/test_drift.py",
    "tests/knative/conformance",
    "tests/runtime/test_bad_rabbitmq.py",
    "tests/runtime/test_bad_postgresql.py",
    "tests/hostile",
    "tests/deploy/test_through_runtime.py",
    "tests/runtime",
    "tests/gateway/test_live.py",
    "tests/auth/test_registration_journey.py",
    "tests/billing/test_through_runtime.py",
    "tests/knative",
    "tests/machine",
    "tests/adapters",
    "tests/builder",
    "tests/monitor",
    "tests/generated",
    "tests/documents",
    "tests/fuzz",
    "tests/gateway",
    "tests/dashboard",
)
"""Files and folders by the time that they take, longest first; what is not named takes the least."""


def add_options(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only tests that start no server (under 30 s)")


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--fast"):
        kept = [item for item in items if is_fast(item, config.rootpath)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
    ranks = {path: _rank(path.relative_to(config.rootpath).as_posix()) for path in {item.path for item in items}}
    items.sort(key=lambda item: ranks[item.path])


def is_fast(item: pytest.Item, root: Path) -> bool:
    return not SERVERS.intersection(getattr(item, "fixturenames", ())) and not _path(item, root).startswith(WITH_PROCESSES)


def _path(item: pytest.Item, root: Path) -> str:
    return item.path.relative_to(root).as_posix()


def _rank(path: str) -> int:
    return next((rank for rank, prefix in enumerate(LONGEST) if path.startswith(prefix)), len(LONGEST))
