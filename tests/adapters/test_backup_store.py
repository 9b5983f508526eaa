"""The contract of the backup store, on memory, a folder and S3; what its encryption notices; and what is special to a folder and to S3."""

import os
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.wire.backups import (
    BackupDamaged,
    BackupKey,
    BackupKeys,
    BackupNotFound,
    BackupStore,
    BackupStoreRefused,
    BackupStoreUnavailable,
    InvalidBackupKey,
    ObjectStore,
    WrongBackupKey,
)
from functions.wire.backups.address import StoreAddress
from functions.wire.backups.encryption import FRAME_BYTES, HEADER_BYTES, TAG_BYTES, decrypt, encrypt
from functions.wire.backups.folder import FolderObjects
from tests.adapters.backup_objects import bucket, objects, s3_endpoint

__all__ = ["objects", "s3_endpoint"]
KEYS = BackupKeys(BackupKey.generate())
NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)
LATER = timedelta(minutes=1)


class SourceFailed(Exception):
    pass


def breaking(size: int) -> Iterator[bytes]:
    yield os.urandom(size)
    raise SourceFailed


def content(manifest_store: BackupStore, backup_id: str, part: str) -> bytes:
    return b"".join(manifest_store.read(manifest_store.get("services/a", backup_id), part))


def stored(objects: ObjectStore) -> list[str]:
    return sorted(each.name for each in objects.list(""))


def altered(objects: ObjectStore, name: str, at: int) -> None:
    changed = bytearray(b"".join(objects.read(name)))
    changed[at] ^= 1
    objects.write(name, [bytes(changed)])


def test_a_backup_is_read_as_it_was_written(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    big = os.urandom(2 * FRAME_BYTES + 7)
    writer = store.begin("services/a", "b1")
    part = writer.add("dump", [big[:5], b"", big[5:]])
    writer.add("empty", [])
    manifest = writer.complete(NOW, {"kind": "postgres", "rows": {"public.orders": 3}})
    assert store.get("services/a", "b1") == manifest
    assert (part.size_bytes, manifest.size_bytes) == (len(big), len(big))
    assert part.stored_bytes == len(big) + HEADER_BYTES + 3 * TAG_BYTES
    assert content(store, "b1", "dump") == big
    assert content(store, "b1", "empty") == b""
    store.verify(manifest)


def test_what_has_no_manifest_is_no_backup(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    store.begin("services/a", "b1").add("dump", [b"x"])
    assert store.list_ids("services/a") == []
    assert store.find("services/a", "b1") is None
    with pytest.raises(BackupNotFound):
        store.get("services/a", "b1")


def test_a_source_that_fails_leaves_nothing(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    for size in (10, 18 * 2**20):  # of the second, a first part has been sent to S3
        with pytest.raises(SourceFailed):
            store.begin("services/a", "b1").add("dump", breaking(size))
    assert stored(objects) == []


def test_the_former_object_stays_until_the_new_one_is_complete(objects: ObjectStore) -> None:
    objects.write("a/b", [b"former"])
    with pytest.raises(SourceFailed):
        objects.write("a/b", breaking(10))
    assert b"".join(objects.read("a/b")) == b"former"
    assert objects.write("a/b", [b"new"]) == 3
    assert b"".join(objects.read("a/b")) == b"new"


def test_ids_are_listed_by_collection_oldest_first(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    for collection, backup_id in (("services/a", "b2"), ("services/a", "b1"), ("services/ab", "b3"), ("capsule", "b4")):
        writer = store.begin(collection, backup_id)
        writer.add("dump", [b"x"])
        writer.complete(NOW, {})
    assert store.list_ids("services/a") == ["b1", "b2"]
    assert store.list_ids("services") == []
    assert store.list_ids("capsule") == ["b4"]


def test_deleting_is_idempotent_and_leaves_others(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    for backup_id in ("b1", "b2", "b3"):
        writer = store.begin("services/a", backup_id)
        writer.add("dump", [b"x"])
        writer.complete(NOW, {})
    for _ in range(2):
        store.delete("services/a", "b1")
    assert stored(objects) == ["services/a/b2/dump", "services/a/b2/manifest", "services/a/b3/dump", "services/a/b3/manifest"]
    for _ in range(2):
        store.delete_all("services/a")
    assert stored(objects) == []


def test_what_an_interruption_left_is_deleted_and_what_runs_is_not(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    store.begin("services/a", "b1").add("dump", [b"x"])
    writer = store.begin("services/a", "b2")
    writer.add("dump", [b"x"])
    writer.complete(NOW, {})
    assert store.delete_unfinished("services/a", datetime.now(UTC) - LATER) == []
    assert store.delete_unfinished("services/a", datetime.now(UTC) + LATER) == ["b1"]
    assert stored(objects) == ["services/a/b2/dump", "services/a/b2/manifest"]


@pytest.mark.parametrize("at", [0, HEADER_BYTES - 1, HEADER_BYTES + 1, -1])
def test_a_changed_byte_is_noticed_and_the_part_named(objects: ObjectStore, at: int) -> None:
    store = BackupStore(objects, KEYS)
    writer = store.begin("services/a", "b1")
    writer.add("other", [b"fine"])
    writer.add("dump", [b"x" * 100])
    manifest = writer.complete(NOW, {})
    altered(objects, "services/a/b1/dump", at)
    with pytest.raises(BackupDamaged, match="b1/dump is damaged"):
        store.verify(manifest)


def test_parts_cannot_be_exchanged_or_taken_away(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    for backup_id in ("b1", "b2"):
        writer = store.begin("services/a", backup_id)
        writer.add("dump", [backup_id.encode()])
        writer.complete(NOW, {})
    objects.write("services/a/b1/dump", objects.read("services/a/b2/dump"))
    with pytest.raises(BackupDamaged, match="belongs to another backup"):
        content(store, "b1", "dump")
    objects.delete("services/a/b2/dump")
    with pytest.raises(BackupDamaged, match="dump of the backup b2 is missing"):
        content(store, "b2", "dump")


def test_a_former_part_under_a_newer_manifest_is_noticed(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    store.begin("services/a", "b1").add("dump", [b"former"])
    former = b"".join(objects.read("services/a/b1/dump"))
    writer = store.begin("services/a", "b1")
    writer.add("dump", [b"newer!"])
    writer.complete(NOW, {})
    objects.write("services/a/b1/dump", [former])
    with pytest.raises(BackupDamaged, match="checksum"):
        content(store, "b1", "dump")


def test_another_key_is_refused_by_name_and_a_former_one_reads(objects: ObjectStore) -> None:
    store = BackupStore(objects, KEYS)
    writer = store.begin("services/a", "b1")
    writer.add("dump", [b"x"])
    writer.complete(NOW, {})
    other = BackupKey.generate()
    with pytest.raises(WrongBackupKey, match=KEYS.current.id.hex()):
        BackupStore(objects, BackupKeys(other)).get("services/a", "b1")
    assert content(BackupStore(objects, BackupKeys(other, [KEYS.current])), "b1", "dump") == b"x"


@pytest.mark.parametrize("name", ["../a", "a/../b", "/a", "a/", "A", ".hidden", "a//b", "a\n", ""])
def test_names_stay_inside_the_store(objects: ObjectStore, name: str) -> None:
    with pytest.raises(ValueError, match="no name of an object"):
        objects.write(name, [b"x"])


def test_frames_cannot_be_cut_left_out_or_exchanged() -> None:
    size = FRAME_BYTES + TAG_BYTES
    encrypted = b"".join(encrypt([os.urandom(3 * FRAME_BYTES)], KEYS, "n"))
    header, frames = encrypted[:HEADER_BYTES], encrypted[HEADER_BYTES:]
    first, second, third = (frames[at : at + size] for at in range(0, 3 * size, size))
    for broken in (header + first + second, header + first + third, header + second + first + third, encrypted + third, encrypted + b"x", header):
        with pytest.raises(BackupDamaged):
            list(decrypt([broken], KEYS, "n"))
    assert b"".join(decrypt([encrypted[at : at + 1000] for at in range(0, len(encrypted), 1000)], KEYS, "n")) != b""


def test_memory_does_not_grow_with_the_part(tmp_path: Path, s3_endpoint: str) -> None:
    chunk = os.urandom(2**20)
    for address, limit in ((StoreAddress.parse(tmp_path.as_uri()), 16), (bucket(s3_endpoint), 0)):
        store = BackupStore(address.open(), KEYS)
        writer = store.begin("services/a", "b1")
        tracemalloc.start()
        writer.add("dump", (chunk for _ in range(64)))
        manifest = writer.complete(NOW, {})
        store.verify(manifest)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        if limit:  # moto keeps what it is sent in this process
            assert peak < limit * 2**20
        assert manifest.size_bytes == 64 * 2**20


def test_a_key_survives_being_typed_and_a_mistyped_one_is_known() -> None:
    key = BackupKey.generate()
    assert BackupKey.parse(key.text) == key
    assert BackupKey.parse(f" {key.text.upper().replace('-', ' - ')} ".replace("CAPSULE - BACKUP - KEY - 1 - ", "capsule-backup-key-1-")) == key
    wrong = key.text[:-1] + ("a" if key.text[-1] != "a" else "b")
    for text in (wrong, key.text[:-8], "secret", key.text + "1"):
        with pytest.raises(InvalidBackupKey):
            BackupKey.parse(text)
    assert BackupKeys.parse(f"{key.text},{KEYS.current.text}") == BackupKeys(key, (KEYS.current,))
    assert key.secret.hex() not in repr(key)


def test_a_folder_that_does_not_exist_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(BackupStoreRefused, match="does not exist"):
        FolderObjects(tmp_path / "unmounted").write("a/b", [b"x"])


def test_a_bucket_that_does_not_exist_or_answer_is_named(s3_endpoint: str, unused_tcp_port: int) -> None:
    bucket(s3_endpoint)
    with pytest.raises(BackupStoreRefused, match="s3://other/a: NoSuchBucket"):
        StoreAddress.parse(f"s3://K:S@other?region=eu-west-1&endpoint={s3_endpoint}").open().write("a", [b"x"])
    with pytest.raises(BackupStoreUnavailable, match="cannot be reached"):
        StoreAddress.parse(f"s3://K:S@other?region=eu-west-1&endpoint=http://127.0.0.1:{unused_tcp_port}").open().write("a", [b"x"])


@pytest.mark.parametrize(
    "text", ["file:relative", "file://host/a", "file:///", "file:///a/../b", "s3://", "http://a", "s3://k@b", "s3://b?x=1", "s3://b/../c"]
)
def test_an_address_that_names_no_store_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        StoreAddress.parse(text)
