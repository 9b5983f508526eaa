from collections.abc import Iterator

import pytest

from tests.auth.openid_provider import OpenIdProvider
from tests.auth.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()
