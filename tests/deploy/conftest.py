import pytest

from tests.deploy.deploy_capsule import DeployCapsule


@pytest.fixture
def capsule() -> DeployCapsule:
    return DeployCapsule()
