import pytest

from tests.deploy.world import World


@pytest.fixture
def world() -> World:
    return World()
