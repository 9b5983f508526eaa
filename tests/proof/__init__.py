"""Proofs: long tests that show a property of the whole under attack or load. `./taskw proof` lists them, `./taskw proof NAME` runs one.

A test belongs to a proof by its mark (`pytestmark = proof("tenant-isolation")`) and is left out of every other run.
"""

import pytest

PROOFS = {
    "adding-a-function": "docs/adding-a-function.md, applied to a copy of the repository, passes check and the contract on PostgreSQL",
    "tenant-isolation": "Nothing an application or a build does reaches the machine, the platform or a neighbour: a resident attacker, both modes",
}
"""Name -> what it shows. A later proof gets a line here and marks its tests."""
MARK = "proof"


def proof(name: str) -> pytest.MarkDecorator:
    """The mark of one proof's tests. Raises ValueError for a name that is not in PROOFS."""
    if name not in PROOFS:
        raise ValueError(f"there is no proof {name!r}; there are: {', '.join(PROOFS)}")
    return pytest.mark.proof(name)


def add_options(parser: pytest.Parser) -> None:
    parser.addoption("--proof", choices=sorted(PROOFS), help="run the tests of this proof, with those that are always run in the chosen files")


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests of proofs that were not asked for; with --proof and no more, of the chosen files only the proof's own folders matter."""
    selected = config.getoption("--proof")
    left = [item for item in items if not _belongs(item, selected)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if _belongs(item, selected)]


def _belongs(item: pytest.Item, selected: str | None) -> bool:
    mark = item.get_closest_marker(MARK)
    return mark is None or mark.args[0] == selected
