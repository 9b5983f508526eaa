"""The store and the controller without the API."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from knative.local import definitions
from knative.local.controller import Controller, RequeueAfter
from knative.local.records import Entry
from knative.local.store import AlreadyExists, Change, Conflict, NotFound, Object, Store, VersionExpired


def config(name: str, namespace: str = "n", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(tmp_path / "store.db", definitions.load())
    yield opened
    opened.close()


async def test_reads_return_copies(store: Store) -> None:
    store.create(config("a", k="v"))
    store.get("ConfigMap", "n", "a")["data"]["k"] = "changed"
    assert store.get("ConfigMap", "n", "a")["data"] == {"k": "v"}


async def test_errors_have_types(store: Store) -> None:
    object = store.create(config("a"))
    with pytest.raises(AlreadyExists):
        store.create(config("a"))
    with pytest.raises(NotFound):
        store.get("ConfigMap", "other", "a")
    store.update({**object, "data": {"k": "1"}})
    with pytest.raises(Conflict):
        store.update({**object, "data": {"k": "2"}})
    with pytest.raises(Conflict):
        store.update({**object, "metadata": {**object["metadata"], "resourceVersion": None, "uid": "another"}})
    assert store.find("ConfigMap", "n", "nope") is None


async def test_lists_by_namespace_and_labels(store: Store) -> None:
    for name, namespace, labels in (("a", "n", {"x": "1"}), ("b", "n", {"x": "1", "y": "2"}), ("c", "m", {"x": "1"})):
        store.create({**config(name, namespace), "metadata": {"name": name, "namespace": namespace, "labels": labels}})
    assert [each["metadata"]["name"] for each in store.list("ConfigMap", "n", {"x": "1"})] == ["a", "b"]
    assert [each["metadata"]["name"] for each in store.list("ConfigMap", labels={"x": "1"})] == ["c", "a", "b"]


async def test_a_status_does_not_change_the_generation_and_an_equal_one_nothing(store: Store) -> None:
    object = store.create({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n"}, "spec": {}})
    once = store.set_status("Service.serving.knative.dev", "n", "s", {"url": "x"})
    again = store.set_status("Service.serving.knative.dev", "n", "s", {"url": "x"})
    assert once["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"]
    assert once["metadata"]["generation"] == 1
    changed = store.update({**object, "spec": {"traffic": []}, "metadata": {**object["metadata"], "resourceVersion": None}})
    assert (changed["metadata"]["generation"], changed["status"]) == (2, {"url": "x"})


async def test_apply_merges_fields_of_managers(store: Store) -> None:
    store.apply(config("a", k="1", on_deleted="2"))
    version = store.version
    store.apply(config("a", k="1", on_deleted="2"))
    assert store.version == version
    store.apply(config("a", other="3"), manager="other")
    assert store.apply(config("a", k="1"))["data"] == {"k": "1", "other": "3"}


async def test_objects_and_versions_survive_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path / "store.db", definitions.load())
    first.create(config("a"))
    first.create(config("b"))
    first.delete("ConfigMap", "n", "b")
    await first.durable()
    again = Store(tmp_path / "store.db", definitions.load())
    assert [each["metadata"]["name"] for each in again.list("ConfigMap")] == ["a"]
    assert again.version == first.version
    assert int(again.create(config("c"))["metadata"]["resourceVersion"]) > first.version
    first.close()
    again.close()


async def test_a_failed_disk_write_is_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", definitions.load())
    store._journal._database.execute("DROP TABLE objects")
    store.create(config("a"))
    with pytest.raises(Exception, match="no such table"):
        await store.durable()
    with pytest.raises(RuntimeError, match="cannot write"):
        store.create(config("b"))
    store.close()


async def test_recent_changes_are_kept_up_to_a_size(store: Store) -> None:
    start = store.version
    for number in range(50):
        store.create(config(f"a{number}", k="x" * 100_000))
    with pytest.raises(VersionExpired):
        store.since("ConfigMap", start)
    watch = store.since("ConfigMap", store.version - 2)
    assert [(await watch.next()).entry.key[2] for _ in range(2)] == ["a48", "a49"]


async def test_a_watch_has_every_change_from_its_call_on(store: Store) -> None:
    store.create(config("a"))
    changes = store.watch("ConfigMap")
    store.create(config("b"))
    store.delete("ConfigMap", "n", "a")
    opened = [await anext(changes) for _ in range(3)]
    assert [(each.type, each.object["metadata"]["name"]) for each in opened] == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


class Recorder:
    """A reconciler that records its calls."""

    kind = "ConfigMap"

    def __init__(self, fails: int = 0, waits: float = 0) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fails, self.waits = fails, waits
        self.at_once, self.most = 0, 0

    async def reconcile(self, object: Object) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(self.waits)
            self.calls.append(("reconcile", object["metadata"]["name"] + object["data"].get("v", "")))
            if self.fails:
                self.fails -= 1
                raise RuntimeError("not yet")
        finally:
            self.at_once -= 1

    async def on_deleted(self, object: Object) -> None:
        self.calls.append(("gone", object["metadata"]["uid"]))

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        return {"Secret": lambda secret: [("n", secret["metadata"]["name"])]}


async def run(store: Store, recorder: Any, until: Callable[[], bool]) -> None:
    controller = Controller(store, [recorder])
    await controller.start()
    try:
        for _ in range(500):
            if until():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(recorder.calls)
    finally:
        await controller.stop()


async def test_a_failed_reconcile_is_retried(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.create(config("a"))
    recorder = Recorder(fails=2)
    await run(store, recorder, lambda: len(recorder.calls) == 3)
    assert caplog.text.count("RuntimeError: not yet") == 2


async def test_reconciles_of_an_object_do_not_overlap_and_end_with_the_latest_version(store: Store) -> None:
    store.create(config("a", v="0"))
    recorder = Recorder(waits=0.05)

    def change() -> bool:
        if len(recorder.calls) < 3:
            store.update(config("a", v=str(store.version)))
        return len(recorder.calls) > 3 and recorder.calls[-1] == ("reconcile", "a" + store.get("ConfigMap", "n", "a")["data"]["v"])

    await run(store, recorder, change)
    assert recorder.most == 1


async def test_on_deleted_precedes_the_reconcile_of_a_new_object(store: Store) -> None:
    old = store.create(config("a"))
    recorder = Recorder(waits=0.1)
    controller = Controller(store, [recorder])
    await controller.start()
    await asyncio.sleep(0.05)
    store.delete("ConfigMap", "n", "a")
    store.create(config("a", v="2"))
    await asyncio.sleep(0.4)
    await controller.stop()
    assert recorder.calls == [("reconcile", "a"), ("gone", old["metadata"]["uid"]), ("reconcile", "a2")]


async def test_changes_of_watched_kinds_reconcile(store: Store) -> None:
    store.create(config("a"))
    recorder = Recorder()
    await run(store, recorder, lambda: len(recorder.calls) == 1)
    store.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "m"}})
    await run(store, recorder, lambda: len(recorder.calls) >= 2)


async def test_requeue_after_is_not_logged_as_a_failure(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    class Patient(Recorder):
        async def reconcile(self, object: Object) -> None:
            self.calls.append(("reconcile", ""))
            if len(self.calls) < 3:
                raise RequeueAfter(0.01)

    store.create(config("a"))
    patient = Patient()
    await run(store, patient, lambda: len(patient.calls) == 3)
    assert caplog.text == ""


async def test_a_stale_write_is_retried_without_a_log_line(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    class Stale(Recorder):
        async def reconcile(self, object: Object) -> None:
            self.calls.append(("reconcile", ""))
            if len(self.calls) == 1:
                raise Conflict("stale")

    store.create(config("a"))
    stale = Stale()
    await run(store, stale, lambda: len(stale.calls) == 2)
    assert caplog.text == ""


def test_a_change_knows_its_object_without_parsing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Entry] = []
    of_entry = Entry.object
    monkeypatch.setattr(Entry, "object", lambda self: (parsed.append(self), of_entry(self))[1])
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1"}}
    change = Change("ADDED", Entry.of(("Job.batch", "n", "a"), job))
    assert (change.kind, change.key) == ("Job.batch", ("n", "a"))
    assert not parsed
    assert change.object == job and change.object is change.object
    assert len(parsed) == 1
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "uid": "v", "resourceVersion": "2"}}
    assert Change("ADDED", Entry.of(("Namespace", "", "n"), namespace)).key == (None, "n")
