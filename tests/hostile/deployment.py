"""Deploy the attacker through the HTTP API, like any account, and collect what it found from its responses and its build's log."""

import json
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from knative.machine.repositories import Repository
from tests.hostile import host
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until

SOURCE = Path(__file__).with_name("attacker")
NEIGHBOUR = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        data = json.dumps({"pid": os.getpid(), "word": os.environ["WORD"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, format, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass
class Application:
    """One application of one person, and its latest deployment."""

    whole: Whole
    person: Person
    repository: Repository
    application: Json
    deployment: Json

    @property
    def url(self) -> str:
        return str(self.deployment["url"])

    def get(self, path: str = "/") -> httpx.Response:
        return self.whole.visit(self.url, path)

    def post(self, path: str, *, timeout: float = 60, **body: Any) -> httpx.Response:
        return self.send(self.url, path, timeout=timeout, **body)

    def send(self, url: str, path: str, *, timeout: float = 60, **body: Any) -> httpx.Response:
        """Send a request to one of its environments, whose address is `url`."""
        target = f"http://127.0.0.1:{self.whole.home.ports.ingress}{path}"
        return httpx.post(target, json=body, headers={"Host": httpx.URL(url).netloc.decode()}, timeout=timeout, trust_env=False)

    def commit(self, **documents: Any) -> str:
        """Commit changed documents, such as `build.json`. Returns the commit's id."""
        return self.repository.commit({f"{name}.json": json.dumps(value) for name, value in documents.items()}, "Change what is tried")

    def deploy(self, ref: str | None = None, seconds: float = 180) -> Json:
        self.deployment = self.person.ended(self.person.ask_to_deploy(self.application, ref), seconds)
        return self.deployment

    def deploy_to(self, environment: str, seconds: float = 180) -> Json:
        accepted = self.person.post(f"/v1/apps/{self.application['id']}/deployments", {"environment": environment}, 202)
        return self.person.ended(accepted, seconds)

    def delete(self) -> None:
        self.person.send("DELETE", f"/v1/apps/{self.application['id']}").raise_for_status()
        until(lambda: self.person.send("GET", f"/v1/apps/{self.application['id']}").status_code == 404, 60, "for the application to be deleted")

    def log(self, component: str, search: str = "") -> list[str]:
        """Return all lines of a log. `component`: build or run; `search`: a word that the lines contain."""
        lines: list[str] = []
        after = "0"
        while True:
            query = f"component={component}&after={after}&limit=1000" + (f"&search={search}" if search else "")
            page = self.person.get(f"/v1/apps/{self.application['id']}/logs?{query}")
            lines += [str(line["line"]) for line in page["lines"]]
            if not page["lines"]:
                return lines
            after = page["cursor"]

    @property
    def build_results(self) -> dict[str, list[Any]]:
        """Return what the build found, by the names of its actions. The application serves it."""
        answer = self.get("/build")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def files(targets: Mapping[str, Any], build: Sequence[Sequence[Any]], **more: str) -> dict[str, str]:
    """Return the files of the attacker's repository."""
    found = {
        str(path.relative_to(SOURCE)): path.read_text() for path in sorted(SOURCE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts
    }
    return {**found, "targets.json": json.dumps(targets), "build.json": json.dumps(build), **more}


def application(whole: Whole, person: Person, contents: Mapping[str, str], name: str | None = None) -> Application:
    """Create an application from a repository with these files. It is not deployed yet."""
    repository = whole.repository(f"r-{secrets.token_hex(5)}", contents)
    body = {"name": name or f"a{secrets.token_hex(4)}", "repository": repository.url}
    return Application(whole, person, repository, person.post("/v1/apps", body, 201), {})


def attacker(whole: Whole, person: Person, build: Sequence[Sequence[Any]] = (), targets: Mapping[str, Any] | None = None, **more: str) -> Application:
    """Create the attacker; it is not deployed yet. `build`: the actions of its build. `more`: further files."""
    return application(whole, person, files(targets or host.NOTHING, build, **more))


def neighbour_of(whole: Whole, person: Person) -> tuple[Application, str]:
    """Create a small application of another tenant. Returns it and a secret word in its environment and its page."""
    word = secrets.token_hex(16)
    procfile = f"web: WORD={word} exec python3 app.py\n"
    return application(whole, person, {"app.py": NEIGHBOUR, "Procfile": procfile}), word


@contextmanager
def kept_busy(found: Application) -> Iterator[None]:
    """Send requests all the time, so that its instance is not scaled to zero."""
    ended = threading.Event()

    def visit() -> None:
        while not ended.wait(0.5):
            found.get()

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def is_clear_failure(deployment: Json) -> bool:
    """Return whether a deployment failed with a reason and a sentence for its owner, and without an internal error."""
    words = str(deployment["detail"] or "")
    return deployment["status"] == "failed" and bool(deployment["reason"]) and len(words.split()) > 3 and "Traceback" not in words


def remove_tree(folder: Path) -> None:
    """Delete a folder that may be deeper than the longest path (rm works relative to descriptors)."""
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
