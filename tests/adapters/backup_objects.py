"""A folder, a bucket of moto's server and memory, for what is tested on every backup store."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from functions.wire.backups.address import StoreAddress
from functions.wire.backups.objects import ObjectStore
from tests.memory.backup_objects import MemoryObjects


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["memory", "folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    match request.param:
        case "memory":
            return MemoryObjects()
        case "folder":
            return StoreAddress.parse(tmp_path.as_uri()).open()
        case _:
            return bucket(request.getfixturevalue("s3_endpoint")).open()


def bucket(endpoint: str) -> StoreAddress:
    """The address of an empty bucket."""
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=10).close()
    address = StoreAddress.parse(f"s3://AKIATEST:se%2Fcret@backups/capsule/a?region=eu-west-1&endpoint={endpoint}")
    options = {"region_name": "eu-west-1", "endpoint_url": endpoint, "aws_access_key_id": "AKIATEST", "aws_secret_access_key": "se/cret"}
    boto3.client("s3", **options).create_bucket(Bucket="backups", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return address
