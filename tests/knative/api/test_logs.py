"""Pod logs, as `kubectl logs` reads and follows them."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from kubernetes import client, watch
from kubernetes.client import ApiException

from tests.knative.api.conftest import Server, eventually
from tests.servers import free_offset

PATH = "/api/v1/namespaces/default/pods/p/log"


def line(text: str, at: datetime | None = None, tag: str = "F") -> str:
    return f"{(at or datetime.now(UTC)).strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z stdout {tag} {text}\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose state has pods and their log files."""
    server = Server(tmp_path_factory.mktemp("logs"), free_offset())
    store = server.store()
    pods = {"p": (["main"], "Running"), "two": (["a", "b"], "Running"), "new": (["main"], "Pending"), "done": (["main"], "Succeeded")}
    for name, (containers, phase) in pods.items():
        spec = {"containers": [{"name": each, "image": "x"} for each in containers]}
        store.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec})
        store.set_status("Pod", "default", name, {"phase": phase})
    store.close()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def http(machine: Server) -> Iterator[httpx.Client]:
    with machine.http() as server:
        yield server


def file(machine: Server, pod: str = "p", container: str = "main") -> Path:
    path = machine.home / "knative" / "pods" / "default" / pod / f"{container}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_lines_are_shown_without_the_prefix_of_the_runtime(machine: Server, http: httpx.Client) -> None:
    file(machine).write_text(line("one") + line("two, ", tag="P") + line("two") + line("") + line("thrée"))
    assert http.get(PATH).text == "one\ntwo, two\n\nthrée\n"
    stamped = http.get(PATH, params={"timestamps": "true"}).text.splitlines()
    assert stamped[0].endswith("Z one") and datetime.fromisoformat(stamped[0].split()[0][:26])


@pytest.mark.parametrize(("tail", "text"), [("0", ""), ("1", "l999\n"), ("3", "l997\nl998\nl999\n"), ("1000", None), ("5000", None)])
def test_tail_lines(machine: Server, http: httpx.Client, tail: str, text: str | None) -> None:
    file(machine).write_text("".join(line(f"l{number}") for number in range(1000)))
    log = http.get(PATH, params={"tailLines": tail}).text
    assert log == text if text is not None else log.count("\n") == 1000


def test_tail_lines_of_long_lines(machine: Server, http: httpx.Client) -> None:
    file(machine).write_text("".join(line(str(number) * 60_000) for number in range(9)))
    assert http.get(PATH, params={"tailLines": "2"}).text == "7" * 60_000 + "\n" + "8" * 60_000 + "\n"


def test_since_and_limit_bytes(machine: Server, http: httpx.Client) -> None:
    file(machine).write_text(line("old", datetime.now(UTC) - timedelta(minutes=5)) + line("new"))
    assert http.get(PATH, params={"sinceSeconds": "60"}).text == "new\n"
    stamp = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert http.get(PATH, params={"sinceTime": stamp}).text == "new\n"
    assert http.get(PATH, params={"limitBytes": "5"}).text == "old\nn"


def test_a_followed_log_ends_when_the_pod_is_deleted(machine: Server) -> None:
    file(machine).write_text(line("before"))
    client_lines: list[str] = []

    def follow() -> None:
        with machine.client() as api:
            client_lines.extend(watch.Watch().stream(client.CoreV1Api(api).read_namespaced_pod_log, "p", "default", follow=True))

    lines: list[str] = []
    done = threading.Event()

    def stream() -> None:
        with machine.http() as http, http.stream("GET", PATH, params={"follow": "true", "tailLines": "1"}, timeout=20) as answer:
            for each in answer.iter_lines():
                lines.append(each)
        done.set()

    threads = [threading.Thread(target=each, daemon=True) for each in (follow, stream)]
    for thread in threads:
        thread.start()
    eventually(lambda: lines == ["before"])
    with file(machine).open("a") as log:
        log.write(line("half ", tag="P")[:-1])
        log.flush()
        time.sleep(0.3)
        log.write("\n" + line("whole"))
    eventually(lambda: lines == ["before", "half whole"])
    assert not done.is_set()
    with machine.client() as api:
        client.CoreV1Api(api).delete_namespaced_pod("p", "default")
    eventually(done.is_set)
    threads[0].join(5)
    assert client_lines[0] == "before" and "".join(client_lines).endswith("half whole")


def test_a_followed_log_ends_when_the_pod_has_finished(machine: Server, http: httpx.Client) -> None:
    file(machine, "done").write_text(line("all") + line("cut")[:-1])
    assert http.get(PATH.replace("/p/", "/done/"), params={"follow": "true"}).text == "all\ncut\n"


@pytest.mark.parametrize(
    ("pod", "query", "code", "message"),
    [
        ("nope", {}, 404, 'pods "nope" not found'),
        ("two", {}, 400, "a container name must be specified for pod two, choose one of: [a b]"),
        ("two", {"container": "c"}, 400, "container c is not valid for pod two"),
        ("new", {}, 400, 'container "main" in pod "new" is waiting to start: ContainerCreating'),
        ("two", {"container": "a", "tailLines": "-1"}, 400, 'invalid tailLines: "-1"'),
        ("two", {"container": "a", "sinceTime": "x"}, 400, 'invalid sinceTime: "x"'),
        ("two", {"container": "a", "previous": "true"}, 400, 'previous terminated container "a" in pod "two" not found'),
    ],
)
def test_errors_explain_why_a_log_cannot_be_read(http: httpx.Client, pod: str, query: dict[str, str], code: int, message: str) -> None:
    answer = http.get(PATH.replace("/p/", f"/{pod}/"), params=query)
    assert (answer.status_code, answer.json()["message"]) == (code, message)


def test_each_container_has_its_own_log(machine: Server) -> None:
    for container in ("a", "b"):
        file(machine, "two", container).write_text(line(f"from {container}"))
    with machine.client() as api:
        core = client.CoreV1Api(api)
        assert core.read_namespaced_pod_log("two", "default", container="b") == "from b\n"
        with pytest.raises(ApiException):
            core.read_namespaced_pod_log("two", "default")
