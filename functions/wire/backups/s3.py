"""Objects of the backup store in an S3 bucket, or in any server that speaks S3 (MinIO, Ceph, R2).

An object appears when its upload is completed: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html. Parts of a failed upload
are deleted; those of a killed process by `delete_unfinished`, or by a lifecycle rule of the bucket.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from functions.wire.backups.encryption import reframe
from functions.wire.backups.errors import BackupNotFound, BackupStoreRefused, BackupStoreUnavailable
from functions.wire.backups.objects import StoredObject, require_name

PART_BYTES = 16 * 1024 * 1024
"""Held in memory while it is sent. S3 accepts 10,000 parts (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html): 156 GiB."""
READ_BYTES = 1024 * 1024
MAX_READS = 5
"""How often a download that breaks is continued where it broke."""
TIMEOUT_SECONDS = 60
MISSING = frozenset({"NoSuchKey", "404", "NoSuchUpload"})
UNAVAILABLE = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "503", "500", "RequestTimeTooSkewed"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """`prefix`: empty, or ends in "/". Without credentials, boto3 finds them: environment, web identity, instance."""

    name: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


class S3Objects:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._client: Any = boto3.client(
            "s3",
            region_name=bucket.region,
            endpoint_url=bucket.endpoint,
            aws_access_key_id=bucket.access_key,
            aws_secret_access_key=bucket.secret_key,
            config=Config(
                connect_timeout=10,
                read_timeout=TIMEOUT_SECONDS,
                retries={"total_max_attempts": 4, "mode": "standard"},
                s3={"addressing_style": "path"} if bucket.endpoint else {},
                # Servers that are not Amazon's may not know the checksums that boto3 adds; parts have checksums of their own.
                request_checksum_calculation="when_required" if bucket.endpoint else "when_supported",
                response_checksum_validation="when_required" if bucket.endpoint else "when_supported",
            ),
        )

    def write(self, name: str, chunks: Iterable[bytes]) -> int:
        pieces = reframe(chunks, PART_BYTES)
        first = next(pieces, b"")
        second = next(pieces, None)
        if second is None:
            with self._translated(name):
                self._client.put_object(**self._named(name), Body=first)
            return len(first)
        return self._upload(name, chain((first, second), pieces))

    def _upload(self, name: str, pieces: Iterable[bytes]) -> int:
        with self._translated(name):
            upload = {**self._named(name), "UploadId": self._client.create_multipart_upload(**self._named(name))["UploadId"]}
        size, parts = 0, []
        try:
            for number, piece in enumerate(pieces, 1):
                with self._translated(name):
                    answer = self._client.upload_part(**upload, PartNumber=number, Body=piece)
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
                size += len(piece)
            with self._translated(name):
                self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException as error:
            try:
                with self._translated(name):
                    self._client.abort_multipart_upload(**upload)
            except (BackupStoreUnavailable, BackupStoreRefused, BackupNotFound) as left:
                error.add_note(f"Its parts stay until unfinished backups are deleted: {left}")
            raise
        return size

    def read(self, name: str) -> Iterator[bytes]:
        """A download that breaks is continued, if the object is still the same."""
        position, tag, breaks = 0, None, 0
        while True:
            condition: dict[str, str] = {"Range": f"bytes={position}-", "IfMatch": tag} if tag else {}
            try:
                with self._translated(name):
                    answer = self._client.get_object(**self._named(name), **condition)
                    tag, end = answer["ETag"], position + answer["ContentLength"]
                for chunk in self._chunks(name, answer["Body"]):
                    position += len(chunk)
                    yield chunk
                if position < end:
                    raise BackupStoreUnavailable(f"{self._place(name)}: the download ended at byte {position} of {end}")
                return
            except BackupStoreUnavailable:
                breaks += 1
                if breaks >= MAX_READS or not tag or position == end:
                    raise

    def _chunks(self, name: str, body: Any) -> Iterator[bytes]:
        chunks = body.iter_chunks(READ_BYTES)
        try:
            while True:
                with self._translated(name):
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                yield chunk
        finally:
            body.close()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        full = self._bucket.prefix + prefix
        with self._translated(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket.name, Prefix=full):
                for each in page.get("Contents", ()):
                    yield StoredObject(each["Key"].removeprefix(self._bucket.prefix), each["Size"], each["LastModified"])

    def delete(self, name: str) -> None:
        with self._translated(name):
            self._client.delete_object(**self._named(name))

    def delete_unfinished(self, before: datetime) -> None:
        with self._translated(""):
            for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket.name, Prefix=self._bucket.prefix):
                for each in page.get("Uploads", ()):
                    if each["Initiated"] < before:
                        self._client.abort_multipart_upload(Bucket=self._bucket.name, Key=each["Key"], UploadId=each["UploadId"])

    def _named(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": self._bucket.prefix + require_name(name)}

    def _place(self, name: str) -> str:
        return f"s3://{self._bucket.name}/{self._bucket.prefix}{name}"

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
            text = f"{self._place(name)}: {code}: {message}"
            if code in MISSING:
                raise BackupNotFound(f"there is no {self._place(name)}") from error
            raise (BackupStoreUnavailable if code in UNAVAILABLE else BackupStoreRefused)(text) from error
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise BackupStoreUnavailable(f"{self._place(name)} cannot be reached: {error}") from error
