import pytest

from tests.auth.world import World


@pytest.fixture
def world() -> World:
    return World()
