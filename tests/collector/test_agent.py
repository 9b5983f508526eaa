"""The agent of a node: what it publishes, what a kill leaves, and what happens while RabbitMQ is away."""

from pathlib import Path

import pytest

from events.cluster import LogsCollected, RequestsMeasured, ResourcesMeasured
from knative.collector import log_buffer, resources, state, tailer
from knative.collector.agent import Agent
from tests.collector.node import Inbox, Node, pod
from tests.collector.test_kubelet import resource_metrics
from tests.collector.test_queue_proxy import otel


@pytest.fixture
def node(tmp_path: Path) -> Node:
    (tmp_path / "state").mkdir()
    return Node(tmp_path / "pods")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def agent_of(node: Node, inbox: Inbox) -> Agent:
    """A new process on the node: nothing of a former one is left but its files."""
    return Agent(node, node, inbox.publish, node.logs.parent / "state", 0.0, node.logs)


async def test_lines_name_their_pod_and_container(node: Node, inbox: Inbox) -> None:
    node.container().write("hello", "wörld")
    node.container(container="queue-proxy").write("knative's own")
    agent = agent_of(node, inbox)
    agent.read()
    assert await agent.publish()
    (first, _) = inbox.entries
    assert first["at"].startswith("2026-11-30T08:00:00.0") and (first["pod"], first["container"], first["stream"]) == ("hello-1", "web", "stdout")
    assert first["labels"]["capsule.dev/environment"] == "production"
    assert inbox.lines == ["hello", "wörld"]
    LogsCollected.model_validate(inbox.events[0][1])
    assert await agent.publish() and len(inbox.events) == 1, "nothing is sent without data"


async def test_a_build_with_init_containers_and_a_restarted_worker_are_read(node: Node, inbox: Inbox) -> None:
    build = pod("build-1", **{"capsule.dev/component": "build"})
    build["spec"] = {"initContainers": [{"name": "clone"}], "containers": [{"name": "build"}]}
    worker = pod("worker-1", namespace="app-other")
    node.pods = [build, worker]
    node.container(build, "clone").write("cloning")
    node.container(build, "build").write("building")
    for name in ("0.log", "1.log"):
        container = node.container(worker)
        container.name = name
        container.write(f"run {name}")
    agent = agent_of(node, inbox)
    agent.read()
    await agent.publish()
    assert sorted(inbox.lines) == ["building", "cloning", "run 0.log", "run 1.log"]


@pytest.mark.parametrize("confirms", [True, False])
async def test_a_killed_collector_loses_nothing_and_repeats_nothing_that_an_inbox_knows(node: Node, inbox: Inbox, confirms: bool) -> None:
    container = node.container()
    container.write("a", "b")
    killed = agent_of(node, inbox)
    killed.read()
    inbox.confirms = confirms
    assert await killed.publish() is confirms
    container.write("c")
    killed.read()  # in memory only
    inbox.confirms = True
    container.rotate()
    container.write("d")
    agent = agent_of(node, inbox)
    await agent.publish()
    agent.read()
    await agent.publish()
    assert inbox.lines == ["a", "b", "c", "d"]


async def test_a_collector_that_is_killed_before_it_publishes_sends_the_stored_batch(node: Node, inbox: Inbox) -> None:
    node.container().write("a")
    inbox.is_reachable = False
    killed = agent_of(node, inbox)
    killed.read()
    assert not await killed.publish()
    inbox.is_reachable = True
    agent = agent_of(node, inbox)
    agent.read()
    await agent.publish()
    await agent.publish()
    assert inbox.lines == ["a"]


async def test_requests_are_counted_once_over_restarts(node: Node, inbox: Inbox) -> None:
    first = agent_of(node, inbox)
    node.pods[0]["metadata"]["creationTimestamp"] = "2999-01-01T00:00:00Z"  # started after the collector
    node.requests = otel({200: [0.02] * 5, 500: [0.1]})
    await first.scrape()
    await first.publish()
    node.requests = otel({200: [0.02] * 7, 500: [0.1]})
    await first.scrape()  # killed before it is published
    agent = agent_of(node, inbox)
    await agent.scrape()
    await agent.publish()  # the stored batch, and then what came after it
    await agent.publish()
    counts = [(window["status"], window["count"]) for window in inbox.windows("requests.measured") if window["count"]]
    assert counts == [(200, 5), (500, 1), (200, 2)]
    RequestsMeasured.model_validate(inbox.events[0][1])


async def test_a_new_release_is_reported_without_requests_if_its_queue_proxy_answers(node: Node, inbox: Inbox) -> None:
    silent = agent_of(node, inbox)
    for _ in range(3):
        await silent.scrape()
    await silent.publish()
    assert inbox.windows("requests.measured") == []
    node.requests = otel({})
    agent = agent_of(node, inbox)
    for _ in range(2):
        await agent.scrape()
    await agent.publish()
    (window,) = inbox.windows("requests.measured")
    assert (window["count"], window["status"], window["revision"]) == (0, 0, "hello-production-00001")
    assert window["labels"]["capsule.dev/environment"] == "production"


async def test_usage_is_measured_once_over_restarts(node: Node, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(resources.Sampler, "_is_due", lambda self, clock: True)
    first = agent_of(node, inbox)
    node.pods[0]["metadata"]["creationTimestamp"] = "2999-01-01T00:00:00Z"
    node.resources = resource_metrics(web=(2.0, 1000, 1.0), queue_proxy=(50.0, 1, 1.0))
    await first.sample()
    await first.publish()
    node.resources = resource_metrics(web=(3.0, 3000, 1.0))
    await first.sample()  # killed before it is published
    agent = agent_of(node, inbox)
    node.resources = resource_metrics(web=(4.5, 2000, 1.0))
    await agent.sample()
    await agent.publish()
    await agent.publish()
    windows = inbox.windows("resources.measured")
    assert [(window["cpuMilliseconds"], window["memoryBytesMax"]) for window in windows] == [(2000, 1000), (2500, 2000)]
    assert windows[1]["from"] == windows[0]["to"]
    ResourcesMeasured.model_validate(inbox.events[0][1])


async def test_a_namespace_that_writes_too_much_delays_itself_only(node: Node, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailer, "NAMESPACE_BYTES", 100_000)
    monkeypatch.setattr(log_buffer, "BATCH_LINES", 50)
    noisy, quiet = pod("noisy-1", namespace="app-noisy"), pod("quiet-1", namespace="app-quiet")
    node.pods = [noisy, quiet]
    node.container(noisy).write(*(f"noise {number} {'x' * 1000}" for number in range(3000)))
    node.container(quiet).write("important")
    agent = agent_of(node, inbox)
    agent.read()
    assert agent._logs.bytes < 1_000_000, "memory is bounded: what is not sent waits in the file"
    await agent.publish()
    assert "important" in inbox.lines, "in the first batch"
    for _ in range(80):
        agent.read()
        await agent.publish()
    noise = [line.split()[1] for line in inbox.lines if line.startswith("noise")]
    assert noise == [str(number) for number in range(3000)], "all of it, in order, when there is time"


async def test_one_pod_that_writes_too_much_does_not_hide_the_others_of_its_application(
    node: Node, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "NAMESPACE_BYTES", 300_000)
    noisy, quiet = pod("noisy-1"), pod("quiet-1")
    node.pods = [noisy, quiet]
    node.container(noisy).write(*(f"noise {number} {'x' * 1000}" for number in range(9000)))
    agent = agent_of(node, inbox)
    for number in range(6):
        node.container(quiet).write(f"important {number}")
        agent.read()
        await agent.publish()
    important = [line for line in inbox.lines if line.startswith("important")]
    assert len(important) >= 3 and len(inbox.lines) < 9000, "while the other log still lags behind"


async def test_what_lies_too_far_back_is_skipped_and_counted(node: Node, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailer, "MAX_UNREAD_BYTES", 10_000)
    container = node.container()
    container.write("first")
    agent = agent_of(node, inbox)
    agent.read()
    container.write(*(f"line {number}" for number in range(1000)))
    agent.read()
    await agent.publish()
    (note,) = [entry for entry in inbox.entries if entry["container"] == "collector"]
    lines = [line for line in inbox.lines if line.startswith("line")]
    assert note["pod"] == "hello-1" and int(note["line"].split()[0]) + len(lines) == 1000
    assert lines[-1] == "line 999" and 100 < len(lines) < 400


async def test_the_log_of_a_deleted_pod_is_read_to_its_end(node: Node, inbox: Inbox) -> None:
    container = node.container()
    container.write("a")
    agent = agent_of(node, inbox)
    agent.read()
    container.write("last words")
    container.path.unlink()
    node.pods = []
    agent.read()
    agent.read()
    await agent.publish()
    assert inbox.lines == ["a", "last words"]


async def test_a_state_that_cannot_be_read_is_no_reason_to_stop(node: Node, inbox: Inbox) -> None:
    (node.logs.parent / "state" / state.FILE).write_text('{"version": 1, "positions": [')
    node.container().write("a")
    agent = agent_of(node, inbox)
    agent.read()
    await agent.publish()
    assert inbox.lines == ["a"]
