"""What an operator does about an API that refuses."""

import pytest
from kubernetes.dynamic.exceptions import ApiException

from knative.cluster.connection import remedy_of


@pytest.mark.parametrize(("status", "text"), [(401, "administrator"), (403, "administrator"), (429, "Repeat"), (503, "Repeat")])
def test_a_busy_api_gets_the_same_again_and_not_with_another_account(status: int, text: str) -> None:
    assert text in remedy_of(ApiException(status=status, reason="storage is (re)initializing"))
