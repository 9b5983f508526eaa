"""The pure parts: numbers, names and words in, numbers, names and words out; no clock, no store, no process."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from knative.local.images import BadImage, digest
from knative.local.quantities import parse_quantity
from knative.local.sandbox.plan import Mount, arrange
from knative.local.serving import naming
from knative.local.serving.autoscaler import ConcurrencyMeter, Load, Scale, desired_pods, parse_duration
from knative.local.serving.conditions import TRUE, Condition, condition_entries, summarize
from knative.local.serving.pods.environment import MissingReference, expand, resolve
from knative.local.serving.pods.volumes import VolumeFile, contents, write

IDLE = Load(pods=0, stable=0, panic=0, in_flight=0, waiting=0, idle_seconds=1000)
TEN = Scale(target=10.0, max_pods=5)


@pytest.mark.parametrize(
    ("scale", "load", "pods"),
    [
        (TEN, IDLE, 0),
        (TEN, replace(IDLE, waiting=1), 1),
        (TEN, replace(IDLE, waiting=35), 4),
        (TEN, replace(IDLE, waiting=500), 5),
        (TEN, replace(IDLE, pods=1, stable=25, panic=25, in_flight=25, idle_seconds=0), 3),
        (TEN, replace(IDLE, pods=1, stable=2, panic=40, in_flight=40, idle_seconds=0), 4),
        (TEN, replace(IDLE, pods=3, stable=4, panic=4, in_flight=4, idle_seconds=0), 2),
        (TEN, replace(IDLE, pods=1, idle_seconds=59), 1),
        (TEN, replace(IDLE, pods=1, idle_seconds=60), 0),
        (TEN, replace(IDLE, pods=1, in_flight=1, idle_seconds=0), 1),
        (replace(TEN, retention_seconds=30), replace(IDLE, pods=1, idle_seconds=80), 1),
        (replace(TEN, retention_seconds=30), replace(IDLE, pods=1, idle_seconds=90), 0),
        (replace(TEN, min_pods=2), IDLE, 2),
        (replace(TEN, min_pods=2), replace(IDLE, pods=4, idle_seconds=5), 3),
        (replace(TEN, max_concurrency=1), replace(IDLE, pods=1, in_flight=1, waiting=2, idle_seconds=0), 3),
        (replace(TEN, max_pods=0), replace(IDLE, waiting=1000), 100),
    ],
)
def test_desired_pods(scale: Scale, load: Load, pods: int) -> None:
    assert desired_pods(scale, load) == pods


def test_scale_annotations_override_the_defaults() -> None:
    prefix = "autoscaling.knative.dev/"
    annotations = {prefix + "min-scale": "1", prefix + "max-scale": "7", prefix + "window": "1m30s", prefix + "target": "40"}
    found = Scale.of(annotations, 0, {"stable-window": "20s", "scale-to-zero-pod-retention-period": "10s"})
    assert (found.min_pods, found.max_pods, found.window_seconds, found.retention_seconds, found.max_concurrency) == (1, 7, 90.0, 10.0, 0)
    assert found.target == pytest.approx(28)
    assert Scale.of({}, 0, {"stable-window": "20s"}).window_seconds == 20.0
    assert Scale.of({}, 2, {}).target == pytest.approx(1.4) and Scale.of({}, 2, {}).max_concurrency == 2
    assert Scale.of({}, 0, {}).target == pytest.approx(70)


def test_the_meter_averages_over_its_window() -> None:
    meter = ConcurrencyMeter(60, 0.0)
    meter.change(+1, 10.0)
    meter.change(+1, 15.0)
    assert meter.mean(10, 20.0) == pytest.approx(1.5)
    meter.change(-2, 20.0)
    assert meter.mean(10, 30.0) == pytest.approx(0.0, abs=0.2) and meter.idle_seconds(50.0) == 30
    assert meter.mean(60, 120.0) == 0


@pytest.mark.parametrize("window_seconds", [0.6, 1, 6, 60])
def test_steady_load_is_no_burst_at_any_moment_of_a_second(window_seconds: float) -> None:
    meter = ConcurrencyMeter(60, 0.0)
    meter.change(+32, 0.0)
    for tenths in range(700, 720):
        assert meter.mean(window_seconds, tenths / 10) == pytest.approx(32)


@pytest.mark.parametrize("window_seconds", [0.6, 1, 6, 60])
def test_messages_that_a_pod_consumed_itself_count_in_the_time_in_which_it_handled_them(window_seconds: float) -> None:
    meter = ConcurrencyMeter(60, 0.0)
    for tick in range(2, 102, 2):  # as a revision is looked at: 32 messages in flight for 2 seconds each time
        meter.add(32 * 2.0, tick + 0.3, since=tick - 1.7 if tick > 2 else None)
    assert meter.mean(window_seconds, 100.3) == pytest.approx(32, rel=0.01)


@pytest.mark.parametrize(("text", "value"), [("60s", 60), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("0s", 0), ("1.5s", 1.5)])
def test_durations_are_parsed(text: str, value: float) -> None:
    assert parse_duration(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["60", "s", "1x", "1m30"])
def test_an_invalid_duration_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "value"), [("500m", 0.5), ("256Mi", 256 << 20), ("1G", 1e9), ("2", 2), (3, 3), ("1e3", 1000)])
def test_quantities_are_parsed(text: str | int, value: float) -> None:
    assert parse_quantity(text) == pytest.approx(value)


def test_names_and_hosts_follow_knative() -> None:
    assert naming.revision_name("shop", 12) == "shop-00012" and naming.revision_name("shop", 12, "shop-blue") == "shop-blue"
    assert naming.public_host("shop", "app", "localhost", {}) == "shop.app.localhost"
    assert naming.public_host("shop", "app", "localhost", {"domain-template": "{{.Name}}.{{.Domain}}"}) == "shop.localhost"
    assert naming.url("shop.localhost", 80) == "http://shop.localhost" and naming.url("a", 7080) == "http://a:7080"
    domains = {"example.org": "", "example.com": "selector:\n  app: shop", "_example": "x"}
    assert naming.domain_for({"app": "shop"}, domains) == "example.com"
    assert naming.domain_for({"app": "other"}, domains) == "example.org" and naming.domain_for({}, {}) == "localhost"


def test_ready_summarizes_the_other_conditions() -> None:
    no, unknown = Condition("False", "Why", "because"), Condition("Unknown", "Wait")
    assert summarize({"a": TRUE, "b": TRUE}, "ab") == TRUE
    assert summarize({"a": unknown, "b": no}, "ab") == no and summarize({"a": TRUE, "b": unknown}, "ab") == unknown
    assert summarize({"a": replace(no, severity="Info"), "b": TRUE}, "ab") == TRUE


def test_the_transition_time_changes_only_with_the_condition() -> None:
    first = condition_entries({"Ready": TRUE}, [], "t1")
    assert condition_entries({"Ready": TRUE}, first, "t2") == first
    assert condition_entries({"Ready": Condition("False")}, first, "t2")[0]["lastTransitionTime"] == "t2"


POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "x"}}, "spec": {}}


def test_environment_variables_are_resolved() -> None:
    objects = {("Secret", "s"): {"data": {"k": "djE="}}, ("ConfigMap", "c"): {"data": {"A": "1", "B": "2"}}}
    container = {
        "envFrom": [{"configMapRef": {"name": "c"}, "prefix": "P_"}, {"secretRef": {"name": "none", "optional": True}}],
        "env": [
            {"name": "P_B", "value": "mine"},
            {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "BOTH", "value": "$(K)-$(P_A)-$(PORT)-$(NONE)"},
            {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        ],
    }
    found = resolve(container, POD, lambda kind, name: objects.get((kind, name)), {"PORT": "1"})
    assert found == {"PORT": "1", "P_A": "1", "P_B": "mine", "K": "v1", "BOTH": "v1-1-1-$(NONE)", "LABEL": "x"}
    assert expand("$$(K) $(K)", {"K": "v"}) == "$(K) v"
    for reference, words in (
        ({"name": "none", "key": "k"}, 'secret "none" not found'),
        ({"name": "s", "key": "z"}, "couldn't find key z in Secret n/s"),
    ):
        with pytest.raises(MissingReference, match=words):
            resolve({"env": [{"name": "X", "valueFrom": {"secretKeyRef": reference}}]}, POD, lambda kind, name: objects.get((kind, name)), {})


def test_volumes_are_replaced_atomically(tmp_path: Path) -> None:
    volume = {"name": "v", "secret": {"secretName": "s", "items": [{"key": "a", "path": "deep/a"}]}}
    files = contents(volume, POD, lambda kind, name: {"data": {"a": "MQ==", "b": "Mg=="}})
    assert files == {"deep/a": VolumeFile(b"1", 0o644)}
    write(tmp_path, files, None)
    assert (tmp_path / "deep" / "a").read_bytes() == b"1"
    target = os.readlink(tmp_path / "..data")
    write(tmp_path, files, None)
    assert os.readlink(tmp_path / "..data") == target, "nothing changed, nothing moved"
    write(tmp_path, {"b": VolumeFile(b"2", 0o600)}, None)
    assert sorted(each.name for each in tmp_path.iterdir() if not each.name.startswith("..")) == ["b"] and (tmp_path / "b").read_bytes() == b"2"
    with pytest.raises(MissingReference, match="leads out"):
        write(tmp_path, {"../../x": VolumeFile(b"", 0o600)}, None)


def tree(folder: Path) -> Path:
    (folder / "rootfs" / "sub").mkdir(parents=True)
    (folder / "rootfs" / "sub" / "a").write_text("a")
    (folder / "rootfs" / "run").write_text("#!/bin/sh\n")
    (folder / "rootfs" / "run").chmod(0o755)
    (folder / "rootfs" / "link").symlink_to("run")
    (folder / "image.json").write_text('{"cmd": ["./run"]}')
    return folder


def test_the_digest_covers_names_kinds_and_contents(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert digest(one) == digest(two)
    (two / "rootfs" / "sub" / "a").chmod(0o600)
    assert digest(one) == digest(two), "who may read it is no part of it"
    (two / "rootfs" / "sub" / "a").chmod(0o700)
    assert digest(one) != digest(two)
    (two / "rootfs" / "sub" / "a").chmod(0o644)
    (two / "rootfs" / "sub" / "a").rename(two / "rootfs" / "sub" / "b")
    assert digest(one) != digest(two)
    os.mkfifo(one / "pipe")
    with pytest.raises(BadImage, match="pipe is neither"):
        digest(one)


def test_a_mount_below_a_read_only_mount_is_possible(tmp_path: Path) -> None:
    around, inner = tmp_path / "around", tmp_path / "inner"
    (around / "kept").mkdir(parents=True)
    (around / "link").symlink_to("kept")
    inner.mkdir()
    mounts, links = arrange([Mount(str(around), "/data"), Mount(str(inner), "/data/new/place"), Mount(str(inner), "/data/kept")], [])
    assert Mount(str(around), "/data") not in mounts
    assert Mount(str(inner), "/data/new/place") in mounts and Mount(str(inner), "/data/kept") in mounts
    assert ("kept", "/data/link") in links


def test_a_mount_below_an_overlay_leaves_it_whole(tmp_path: Path) -> None:
    image, inner = tmp_path / "image", tmp_path / "inner"
    for name in ("one", "two"):
        (image / name).mkdir(parents=True)
    inner.mkdir()
    around, below = Mount(str(image), "/app", overlay=True), Mount(str(inner), "/app/media", writable=True)
    assert arrange([below, around], []) == ((around, below), ())
