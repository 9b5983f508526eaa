"""Following a deployment: the order of steps and build output, and where it ends."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import httpx
import pytest

from cli.client import Client
from cli.failures import Failure
from cli.follow import DeploymentFollower
from cli.operation_events import MAX_FAILURES, OperationEvents
from cli.output import Output
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Json = dict[str, Any]
APPLICATION = {"id": "a-1", "name": "hello"}
DEPLOYMENT = "01a20315-da05-70b5-a4cb-338095110690"


def view(status: str, *steps: str, finished: bool = False) -> Json:
    return {
        "status": status,
        "cause": "deploy",
        "steps": [{"step": each} for each in steps],
        "requestedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:09Z" if finished else None,
        "observationSeconds": 10,
    }


class ScriptedApi:
    """Answers with the deployment's views and the log's pages in turn; the last one again and again."""

    def __init__(self, views: list[Json], pages: list[list[str]]) -> None:
        self._views, self._pages = views, pages

    def get(self, path: str, **query: Any) -> Json:
        if path.endswith("/logs"):
            lines = self._pages.pop(0) if self._pages else []
            return {"cursor": "1", "lines": [{"line": each} for each in lines]}
        return self._views.pop(0) if len(self._views) > 1 else self._views[0]


class RecordingOutput(Output):
    def __init__(self) -> None:
        super().__init__(as_json=False)
        self.notes: list[str] = []

    def note(self, text: Any) -> None:
        self.notes.append(str(text).strip())


def follow(views: list[Json], pages: list[list[str]], **options: bool) -> tuple[Json, list[str]]:
    output = RecordingOutput()
    make: Callable[..., DeploymentFollower] = DeploymentFollower
    return make(ScriptedApi(views, pages), output, APPLICATION, "d-1", **options).follow(), output.notes


BUILT = ("requested", "building")


def test_no_build_output_follows_a_later_step() -> None:
    views = [view("building", *BUILT), view("releasing", *BUILT, "releasing"), view("succeeded", *BUILT, "releasing", "observing", finished=True)]
    ended, notes = follow(views, [["==> Cloning"], [], ["==> Installing"], ["==> Stored x"], ["late"]])
    assert notes == ["── building", "│ ==> Cloning", "│ ==> Installing", "│ ==> Stored x", "── releasing", "── serving, watching 10 s"]
    assert ended["status"] == "succeeded"


def test_a_failure_is_left_to_the_error() -> None:
    ended, notes = follow([view("failed", *BUILT, finished=True)], [["==> Installing", "==> Failed (build-failed): no", "  cause: x"]])
    assert (ended["status"], notes) == ("failed", ["── building", "│ ==> Installing"])


def test_no_wait_ends_when_the_release_serves() -> None:
    views = [view("releasing", *BUILT, "releasing"), view("observing", *BUILT, "releasing", "observing")]
    ended, notes = follow(views, [["==> Stored x"]], until_serving=True)
    assert (ended["status"], notes[-1]) == ("observing", "── serving, watching 10 s")


def serve_events(*streams: list[str]) -> tuple[ScriptedServer, list[str]]:
    """A server whose responses to the operation's events are these, in turn. Returns it, and the Last-Event-IDs that it got."""
    left, got = list(streams), []

    def respond(request: Request) -> Response:
        got.append(request.headers.get("Last-Event-ID", ""))
        lines = left.pop(0) if left else None
        if lines is None:
            return Response(204)
        return Response(200, text="\n".join([*lines, "", ""]), headers={"Content-Type": "text/event-stream"})

    return ScriptedServer(respond), got


def event(id: str) -> list[str]:
    return ["event: operation", f"id: {id}", "data: {}", ""]


def test_a_stream_that_ends_early_is_continued_where_it_was() -> None:
    server, got = serve_events(["retry: 1", "", *event("1-a"), ":heartbeat", *event("2-b")], [*event("3-c"), "event: end", "data: {}"])
    with OperationEvents(Client(server.url), "o-1") as events:
        events._thread.join(10)
        assert events.wait(0) and not events._is_followed
    server.close()
    assert got == ["", "2-b"]
    assert [each.path for each in server.requests] == ["/v1/operations/o-1/events"] * 2


def test_without_a_stream_each_wait_is_a_poll() -> None:
    server = ScriptedServer(lambda request: problem(404, "not-found", "No."))
    with OperationEvents(Client(server.url), "o-1") as events:
        events._thread.join(10)
        assert [events.wait(30) for _ in range(3)] == [True, True, True]
    server.close()
    assert len(server.requests) == 1


def test_a_failure_of_the_token_ends_the_stream_and_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing escapes from the thread: a command that waited for events of a dead stream would never ask again."""
    server, _ = serve_events(["retry: 1", "", *event("1-a")])
    api, opened, stream = Client(server.url), [], Client.stream

    def open_stream(path: str, headers: dict[str, str]) -> Any:
        opened.append(path)
        if len(opened) > 1:
            raise Failure("Your session has ended", "The refresh token is not valid.")
        return stream(api, path, headers)

    monkeypatch.setattr(api, "stream", open_stream)
    with OperationEvents(api, "o-1") as events:
        events._thread.join(10)
        assert not events._thread.is_alive() and not events._is_followed
        assert [events.wait(30) for _ in range(2)] == [True, True]
    server.close()
    assert len(opened) == 1 + MAX_FAILURES


def test_a_stream_without_a_line_is_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy sends the head and holds events back."""
    head, ends = threading.Event(), threading.Event()

    @contextlib.contextmanager
    def hold(path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        def lines() -> Iterator[bytes]:
            head.set()
            ends.wait(10)
            yield b"event: end\n\n"

        yield httpx.Response(200, content=lines())

    api = Client("http://127.0.0.1:1")
    monkeypatch.setattr(api, "stream", hold)
    with OperationEvents(api, "o-1") as events:
        assert head.wait(10)
        assert events.wait(30) and events.wait(30)  # polls
        ends.set()
        events._thread.join(10)


def test_a_deployment_is_asked_for_when_its_operation_has_changed() -> None:
    """While the build writes its log, unchanged views are not requested again."""

    class Events:
        answers: ClassVar = [False, False, True]

        def wait(self, seconds: float) -> bool:
            return self.answers.pop(0)

    api = ScriptedApi([view("building", *BUILT), view("succeeded", *BUILT, finished=True)], [["==> Cloning"], [], [], ["==> Stored x"]])
    paths = []
    get = api.get
    api.get = lambda path, **query: (paths.append(path), get(path, **query))[1]  # type: ignore[method-assign]
    ended = DeploymentFollower(api, RecordingOutput(), APPLICATION, "d-1", events=Events()).follow()  # type: ignore[arg-type]
    assert ended["status"] == "succeeded"
    assert sum("deployments" in path for path in paths) == 2


def test_an_api_that_does_not_answer_is_not_the_deployments_failure(
    terminal: Terminal, scripted: Callable[[Callable[[Request], Response]], ScriptedServer]
) -> None:
    deployment = {**view("requested"), "id": DEPLOYMENT, "environment": "staging", "ref": None}

    def respond(request: Request) -> Response:
        if request.method == "POST":
            return Response(202, deployment)
        if "/deployments/" in request.path:
            return Response(404, {"title": "Gone"})
        return Response(200, {"items": [APPLICATION], "next": None} if request.path.startswith("/v1/apps?") else APPLICATION)

    server = scripted(respond)
    terminal.api, terminal.variables = server.url, {"CAPSULE_TOKEN": "t"}
    result = terminal.invoke("deploy", "--app", "hello", code=4)
    assert "The deployment continues in the background; only following it ended." in " ".join(result.err.split())
    assert f"capsule logs -f --deployment {DEPLOYMENT}" in result.err
