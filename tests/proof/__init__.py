"""Proofs: long tests of a property of the whole system under attack or load. `./taskw proof` lists them, `./taskw proof NAME` runs one.

A marker assigns a test to a proof (`pytestmark = proof("tenant-isolation")`); all other runs leave it out.
"""

import pytest

PROOFS = {
    "adding-a-function": "docs/adding-a-function.md works, applied to a copy",
    "pooler": "The storage works through PgBouncer",
    "recovery": "Nothing is lost when processes and servers die",
    "failures": "Forty real failures end in their reason and no false success",
    "no-visitor-sees-a-deploy": "Deployments under load fail no request, cut no stream",
    "dockerfiles": "Dockerfiles and images of registries run",
    "repositories": "A repository of each language builds and answers",
    "sources": "Repositories of every shape git allows are cloned",
    "tenant-isolation": "Applications and builds cannot reach others",
}
"""Name → what it shows, at most 54 characters. Add a line here for a new proof, and mark its tests."""
MARK = "proof"


def proof(name: str) -> pytest.MarkDecorator:
    """The marker of a proof's tests. Raises: ValueError for a name that is not in PROOFS."""
    if name not in PROOFS:
        raise ValueError(f"Unknown proof {name!r}. Proofs: {', '.join(PROOFS)}")
    return pytest.mark.proof(name)


def add_options(parser: pytest.Parser) -> None:
    parser.addoption("--proof", choices=sorted(PROOFS), help="run the tests of this proof, and the unmarked tests in the chosen files")


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of all proofs except that of --proof."""
    selected = config.getoption("--proof")
    deselected = [item for item in items if not _belongs(item, selected)]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if _belongs(item, selected)]


def _belongs(item: pytest.Item, selected: str | None) -> bool:
    mark = item.get_closest_marker(MARK)
    return mark is None or mark.args[0] == selected
