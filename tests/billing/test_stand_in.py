"""The stand-in for Stripe is one machine's: no cluster for people ever has it."""

from pathlib import Path

import pytest

from tests.runtime.harness import ROOT

NAME = "stripe-stand-in"


def texts(folder: Path) -> str:
    found = [file.read_text() for file in folder.rglob("*.yaml")]
    assert found
    return "".join(found)


@pytest.mark.parametrize("folder", ["base", "components", "overlays/staging", "overlays/production"])
def test_it_is_in_no_cluster(folder: str) -> None:
    assert NAME not in texts(ROOT / "knative" / folder)


def test_one_machine_has_it() -> None:
    assert NAME in texts(ROOT / "knative/overlays/local")
