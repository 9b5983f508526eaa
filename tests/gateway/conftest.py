"""The gateway with auth behind it, for the tests of one file."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.live import Live, running


@pytest.fixture(scope="module")
def live(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(rabbitmq.vhost(), {"auth": postgres.database("auth")}, tmp_path_factory.mktemp("live")) as live:
        yield live
