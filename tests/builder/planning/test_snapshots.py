"""The plan of each kind of repository is what its snapshot says."""

from typing import Any

import pytest

from tests.builder.planning.snapshots import load, snapshot


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in load()])
def test_the_plan_is_the_snapshot(case: dict[str, Any]) -> None:
    assert snapshot(case) == case["plan"]
