"""The stand-in for Stripe is part of the one-machine installation only."""

from pathlib import Path

import pytest

from tests.runtime.harness import ROOT

NAME = "stripe-stand-in"


def manifests(folder: Path) -> str:
    files = [file.read_text() for file in folder.rglob("*.yaml")]
    assert files
    return "".join(files)


@pytest.mark.parametrize("folder", ["base", "components", "overlays/staging", "overlays/production"])
def test_no_cluster_overlay_contains_the_stand_in(folder: str) -> None:
    assert NAME not in manifests(ROOT / "knative" / folder)


def test_the_local_overlay_contains_the_stand_in() -> None:
    assert NAME in manifests(ROOT / "knative/overlays/local")
