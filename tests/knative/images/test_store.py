"""The image store over time: reboots, damage, crashes, retention, deleted namespaces, an earlier layout."""

import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from knative.local.images import Images, UnknownImage, digest
from knative.local.images.garbage_collection import limit_from
from knative.local.images.migration import Migration
from knative.local.images.record import Record
from knative.local.images.retention import Policy, to_remove
from tests.knative.images.builds import NAME, NAMESPACE, Shop, image


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


async def build(shop: Shop, folder: Path, text: str, namespace: str = NAMESPACE) -> Record:
    workspace = folder / f"workspace-{namespace}-{text}"
    image(workspace / "image", text)
    return await shop.store(workspace, namespace)


async def test_unknown_references_are_refused(shop: Shop) -> None:
    assert (await shop.images.resolve("capsule.local/capsule:dev", "any")).platform
    for unknown in ("nginx", f"{NAME}:latest", f"{NAME}@sha256:../../..", "capsule.local/capsulex:dev", f"{NAME}@sha256:{'0' * 64}\n"):
        with pytest.raises(UnknownImage, match="cannot be pulled"):
            await shop.images.resolve(unknown, NAMESPACE)
    with pytest.raises(UnknownImage, match=r"is no longer kept on this machine. Deploy its commit again"):
        await shop.images.resolve(f"{NAME}@sha256:{'0' * 64}", NAMESPACE)


async def test_an_image_is_verified_at_its_first_use_after_a_boot(shop: Shop, tmp_path: Path) -> None:
    good, bad = await build(shop, tmp_path, "good"), await build(shop, tmp_path, "bad")
    damaged = shop.place(bad) / "rootfs/sub/a"
    damaged.write_text("changed on disk")
    assert await shop.images.resolve(bad.reference, NAMESPACE), "it is trusted until the next boot: nobody else writes there"
    images = Images(shop.state, boot=lambda: "next boot")
    assert await asyncio.gather(*(images.resolve(good.reference, NAMESPACE) for _ in range(5)))
    assert Record.read(shop.place(good)).boot == "next boot"
    with pytest.raises(UnknownImage, match=r"is damaged on disk and is no longer kept on this machine. Deploy its commit again"):
        await images.resolve(bad.reference, NAMESPACE)
    assert not shop.place(bad).exists()
    again = Images(shop.state, boot=lambda: "next boot")
    assert [record.digest for record in again.records()] == [good.digest]


async def test_a_damaged_image_is_replaced_by_the_next_build(tmp_path: Path) -> None:
    first = Shop(tmp_path / "shop")
    record = await build(first, tmp_path, "x")
    (first.place(record) / "rootfs/sub/a").write_text("changed on disk")
    second = Shop(tmp_path / "shop", boot=lambda: "next boot")
    again = await second.store(tmp_path / f"workspace-{NAMESPACE}-x")
    assert again.digest == record.digest and (second.place(again) / "rootfs/sub/a").read_text() == "x"


async def test_leftovers_of_a_killed_run_are_deleted(tmp_path: Path) -> None:
    first = Shop(tmp_path / "shop")
    record, cut = await build(first, tmp_path, "kept"), await build(first, tmp_path, "cut")
    first.images.stage(NAMESPACE)
    (first.place(cut) / "record.json").write_text('{"namespace": ')
    second = Shop(tmp_path / "shop")
    second.namespace(NAMESPACE)
    await second.collector.start()
    await second.collector.stop()
    assert [each.name for each in first.place(record).parent.iterdir()] == [record.digest]
    assert [each.digest for each in second.images.records()] == [record.digest]
    status = json.loads((second.state / "images.json").read_text())
    assert status == {"images": 1, "bytes": record.bytes, "limit_bytes": 1 << 30}


def record(namespace: str, number: int, age: float, size: int = 10) -> Record:
    return Record(namespace, NAME, f"{number:064x}", size, 1, ("x",), {}, 1e6 - age, "boot")


def numbers(found: list[tuple[str, str]]) -> list[tuple[str, int]]:
    return [(namespace, int(name, 16)) for namespace, name in found]


def test_the_retention_policy() -> None:
    hour = 3600.0
    old = [record("a", number, hour * (number + 1)) for number in range(15)]
    assert numbers(to_remove(old, set(), now=1e6, limit_bytes=10_000)) == [("a", number) for number in range(10, 15)]
    kept = {("a", f"{12:064x}")}
    assert numbers(to_remove(old, kept, now=1e6, limit_bytes=10_000)) == [("a", 10), ("a", 11), ("a", 13), ("a", 14)]
    young = [record("a", number, number) for number in range(15)]
    assert to_remove(young, set(), now=1e6, limit_bytes=0) == [], "each may belong to a running deployment"
    two = [*old[:4], *(record("b", number, hour * (number + 1.5)) for number in range(4))]
    full = numbers(to_remove(two, set(), now=1e6, limit_bytes=60))
    assert full == [("b", 3), ("a", 3)], "the oldest first, until it fits"
    assert numbers(to_remove(two, set(), now=1e6, limit_bytes=0)) == [("b", 3), ("a", 3), ("b", 2), ("a", 2)], "each keeps its newest two"
    assert numbers(to_remove(old, set(), now=1e6, limit_bytes=10_000, policy=Policy(newest=14))) == [("a", 14)]


@pytest.mark.parametrize("text", ["much", "0", "-1", "nan", "inf"])
def test_an_invalid_limit_is_rejected(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="must be a number of GiB above 0"):
        limit_from({"CAPSULE_IMAGE_STORE_GIB": text}, tmp_path)


def test_the_default_limit_is_a_quarter_of_the_disk(tmp_path: Path) -> None:
    about = os.statvfs(tmp_path)
    assert limit_from({}, tmp_path) == about.f_blocks * about.f_frsize // 4


async def test_unreferenced_images_are_deleted(shop: Shop, tmp_path: Path) -> None:
    shop.namespace(NAMESPACE)
    records = [await build(shop, tmp_path, str(number)) for number in range(13)]
    for age, each in enumerate(reversed(records), 2):
        shop.images._records[each.namespace, each.digest] = replace(each, created_at=time.time() - 3600 * age)
    shop.service(NAMESPACE, records[0].reference)
    shop.collector.collect()
    left = {each.digest for each in shop.images.records()}
    assert left == {each.digest for each in (records[0], *records[3:])}
    shop.objects.delete("Service.serving.knative.dev", NAMESPACE, "web")
    shop.collector.collect()
    assert {each.digest for each in shop.images.records()} == {each.digest for each in records[3:]}
    with pytest.raises(UnknownImage, match="no longer kept"):
        await shop.images.resolve(records[0].reference, NAMESPACE)
    await shop.store(tmp_path / f"workspace-{NAMESPACE}-0")
    await shop.images.resolve(records[0].reference, NAMESPACE)


async def test_images_are_collected_when_a_referencing_job_is_deleted(shop: Shop, tmp_path: Path) -> None:
    shop.namespace(NAMESPACE)
    records = [await build(shop, tmp_path, str(number)) for number in range(11)]
    for age, each in enumerate(reversed(records), 2):
        shop.images._records[each.namespace, each.digest] = replace(each, created_at=time.time() - 3600 * age)
    oldest = records[0]
    spec = {"template": {"spec": {"containers": [{"name": "release", "image": oldest.reference}]}}}
    shop.objects.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "release", "namespace": NAMESPACE}, "spec": spec})
    await shop.collector.start()
    try:
        assert shop.images.has((NAMESPACE, oldest.digest))
        await asyncio.sleep(0)
        shop.objects.delete("Job.batch", NAMESPACE, "release")
        async with asyncio.timeout(60):
            while shop.images.has((NAMESPACE, oldest.digest)):  # noqa: ASYNC110 - the collector sends no event
                await asyncio.sleep(0.01)
        assert not shop.place(oldest).exists() and len(shop.images.records()) == 10
    finally:
        await shop.collector.stop()


async def test_a_new_build_renews_an_old_image(shop: Shop, tmp_path: Path) -> None:
    found = await build(shop, tmp_path, "x")
    shop.images._records[found.namespace, found.digest] = replace(found, created_at=0.0)
    again = await shop.store(tmp_path / f"workspace-{NAMESPACE}-x")
    assert again.created_at >= found.created_at and Record.read(shop.place(found)).created_at == again.created_at


async def test_images_are_deleted_with_their_namespace_after_its_pods_have_ended(shop: Shop, tmp_path: Path) -> None:
    shop.namespace(NAMESPACE)
    found = await build(shop, tmp_path, "x")
    other = await build(shop, tmp_path, "x", "app-other")
    shop.namespace("app-other")
    running = {NAMESPACE}
    shop.collector.has_pods = lambda namespace: namespace in running
    await shop.collector.start()
    try:
        shop.objects.update({**shop.objects.get("Namespace", None, NAMESPACE), "spec": {}})
        shop.objects.delete("Namespace", None, NAMESPACE)
        while shop.place(found).exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        shop.namespace(NAMESPACE)
        with pytest.raises(UnknownImage):
            await shop.images.resolve(found.reference, NAMESPACE)
        (removed,) = (shop.state / "images/removed").iterdir()
        assert (removed / found.digest / "rootfs/run").exists(), "its last pods still run from it"
        running.clear()
        shop.collector.schedule()
        while removed.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert shop.place(other).exists()
    finally:
        await shop.collector.stop()


async def test_images_of_an_earlier_layout_are_migrated(shop: Shop, tmp_path: Path) -> None:
    former = shop.state / "images" / "sha256"
    former.mkdir(parents=True)
    references = []
    for text in ("used", "unused", "damaged"):
        name = digest(image(tmp_path / text, text))
        (tmp_path / text).rename(former / name)
        references.append((f"{NAME}@sha256:{name}", name))
    (former / references[2][1] / "rootfs/sub/a").write_text("changed")
    for namespace in ("app-one", "app-two"):
        shop.namespace(namespace)
        shop.service(namespace, references[0][0])
    shop.service("app-one", references[2][0], "damaged")
    migration = Migration(shop.images, shop.hand_over, shop.objects, shop.state)
    await migration.start()
    for namespace in ("app-one", "app-two"):
        found = await shop.images.resolve(references[0][0], namespace)
        assert (found.folder / "sub/a").read_text() == "used"
    for reference, _ in references[1:]:
        with pytest.raises(UnknownImage):
            await shop.images.resolve(reference, "app-one")
    await migration.stop()
    assert not former.exists()
