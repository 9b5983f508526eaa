"""Following a deployment: the order of steps and build output, and where it ends."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import httpx

from cli.client import Client
from cli.failures import Failure
from cli.follow import DeploymentFollower
from cli.operation_events import MAX_FAILURES, POLL_SECONDS, OperationEvents
from cli.output import Output
from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Json = dict[str, Any]
APPLICATION = {"id": "a-1", "name": "hello"}
DEPLOYMENT = "01a20315-da05-70b5-a4cb-338095110690"


PLATFORM = "platform: "
"""Begins a line of no pod."""


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
            return {
                "cursor": "1",
                "lines": [{"line": each.removeprefix(PLATFORM), "pod": "" if each.startswith(PLATFORM) else "p-1"} for each in lines],
            }
        return self._views.pop(0) if len(self._views) > 1 else self._views[0]

    @staticmethod
    def _line(text: str) -> Json:
        return {"line": text.removeprefix(PLATFORM), "pod": "" if text.startswith(PLATFORM) else "p-1"}


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


def test_the_platform_ends_the_log_of_a_build_that_did_not() -> None:
    """What the collector sends after the platform's line is printed too."""
    pages = [["==> Detecting", f"{PLATFORM}==> Failed (not-recognized): no"], ["No buildpack groups passed detection."]]
    _, notes = follow([view("failed", *BUILT, finished=True)], pages)
    assert notes == ["── building", "│ ==> Detecting", "│ No buildpack groups passed detection."]


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


def test_a_stream_whose_lines_a_proxy_holds_back_is_polled_until_they_come() -> None:
    opened, released, ended = (threading.Event() for _ in range(3))

    class HeldResponse:
        status_code = 200

        def iter_lines(self) -> Iterator[str]:
            opened.set()
            assert released.wait(10)
            yield ":heartbeat"
            assert ended.wait(10)

    class Api:
        streams = 0

        @contextmanager
        def stream(self, path: str, headers: Any) -> Iterator[HeldResponse]:
            self.streams += 1
            if self.streams > 1:
                raise httpx.ReadError("away")
            yield HeldResponse()

    with OperationEvents(Api(), "o-1") as events:  # type: ignore[arg-type]
        assert opened.wait(10) and events.wait(30) and events.wait(30), "polls"
        released.set()
        while not events._is_followed:
            time.sleep(0.01)
        assert events.wait(30) and not events.wait(POLL_SECONDS * 2), "nothing has changed"
        events._retry_seconds = 60
        ended.set()
        assert events.wait(30) and events.wait(30), "polls again while the stream is not open"


def test_a_token_that_cannot_be_refreshed_ends_no_thread_and_is_polled() -> None:
    class Api:
        attempts = 0

        def stream(self, path: str, headers: Any) -> Any:
            self.attempts += 1
            raise Failure("Not signed in")

    api = Api()
    events = OperationEvents(api, "o-1")  # type: ignore[arg-type]
    events._retry_seconds = 0
    with events:
        events._thread.join(10)
        assert [events.wait(30) for _ in range(3)] == [True, True, True]
    assert api.attempts == MAX_FAILURES


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
