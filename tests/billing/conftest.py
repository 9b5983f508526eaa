import pytest

from tests.billing.world import World


@pytest.fixture
def world() -> World:
    return World()
