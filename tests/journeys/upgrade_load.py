"""What clients do while Capsule is upgraded: read and write over the API, follow an operation, visit an application. Each failure is recorded."""

import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode
from websockets.sync.client import connect

from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.waiting import wait_limit

REQUEST_SECONDS = 60.0
READS = ("/v1/users/me", "/v1/billing/customer", "/v1/quota", "/v1/alerts", "/v1/apps")


@dataclass
class UpgradeLoad:
    """`people`: read and write, the first over one connection, the others with a new one for each request. `owner`: of an application with
    visitors and of `deployment`, whose operation a client follows. `seconds`: the longest request by kind."""

    whole: Whole
    people: list[Person]
    owner: Person
    deployment: Json
    rounds: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    kept_tokens: Counter[int] = field(default_factory=Counter)
    """Tokens that each person has created and not deleted."""
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        loops: dict[str, Callable[[], None]] = {f"person {number}": lambda n=number: self._use(n) for number in range(len(self.people))}
        loops |= {"socket": self._talk, "events": self._listen}
        loops |= {"visitor": lambda: self._visit("/"), "slow visitor": lambda: self._visit("/slow"), "follower": self._follow}
        self.threads = [threading.Thread(target=self._repeat, args=[name, loop], name=name) for name, loop in loops.items()]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def wait_for_rounds(self, count: int) -> None:
        """Wait until each client has finished that many rounds from now on."""
        goal = {thread.name: self.rounds[thread.name] + count for thread in self.threads}
        until(lambda: all(self.rounds[name] >= number for name, number in goal.items()), 300, "for the load")

    def summary(self) -> str:
        longest = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in sorted(self.seconds.items()))
        return f"{sum(self.requests.values())} requests, {len(self.failures)} failed: {dict(self.requests)}; the longest: {longest}"

    def _repeat(self, name: str, loop: Callable[[], None]) -> None:
        while not self.stopping.is_set():
            try:
                loop()
            except (httpx.HTTPError, OSError, TimeoutError, WebSocketException) as error:
                self._fail(f"{name}: {error!r}")
            self.rounds[name] += 1

    def _fail(self, text: str) -> None:
        self.failures.append(f"{datetime.now(UTC):%H:%M:%S.%f} {text}")

    def _send(self, client: httpx.Client, kind: str, expected: int, method: str, url: str, **options: object) -> httpx.Response:
        began = time.monotonic()
        response = client.request(method, url, **options)  # type: ignore[arg-type]
        self.requests[kind] += 1
        self.seconds[kind] = max(self.seconds.get(kind, 0.0), time.monotonic() - began)
        if response.status_code != expected:
            self._fail(f"{kind} {method} {url}: {response.status_code} {response.text[:300]}")
        return response

    def _client(self, person: Person | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {person.session['accessToken']}"} if person else {}
        return httpx.Client(base_url=self.whole.gateway, headers=headers, timeout=wait_limit(REQUEST_SECONDS), trust_env=False)

    def _use(self, number: int) -> None:
        """Read all contexts, and create tokens, every other one of which is deleted again."""
        person = self.people[number]
        if number == 0:
            with self._client(person) as client:
                for _ in range(5):
                    self._read_and_write(client, number)
        else:
            for path in READS:
                with self._client(person) as client:
                    self._send(client, "read", 200, "GET", path)
            with self._client(person) as client:
                self._send(client, "sign-in", 201, "POST", "/v1/sessions", json={"email": person.email, "password": person.password})

    def _read_and_write(self, client: httpx.Client, number: int) -> None:
        for path in READS:
            self._send(client, "read", 200, "GET", path)
        for is_kept in (True, False):
            body = {"name": f"t{uuid.uuid4().hex[:10]}", "scopes": ["read"]}
            created = self._send(client, "write", 201, "POST", "/v1/tokens", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
            if created.status_code != 201:
                continue
            if is_kept and self.kept_tokens[number] < 20:
                self.kept_tokens[number] += 1
            else:
                self._send(client, "write", 204, "DELETE", f"/v1/tokens/{created.json()['id']}")

    def _visit(self, path: str) -> None:
        host = httpx.URL(str(self.deployment["url"])).netloc.decode()
        with httpx.Client(headers={"Host": host}, timeout=wait_limit(REQUEST_SECONDS), trust_env=False) as client:
            for _ in range(5 if path == "/slow" else 50):
                self._send(client, f"visit {path}", 200, "GET", f"http://127.0.0.1:{self.whole.home.ports.ingress}{path}")
                if self.stopping.wait(0.02):
                    return

    def _talk(self) -> None:
        """Send messages over a WebSocket of the application, which echoes them. The server may end it with 1012 alone (RFC 6455 section 7.4)."""
        uri = str(self.deployment["url"]).replace("http", "ws", 1) + "/socket"
        address = socket.create_connection(("127.0.0.1", self.whole.home.ports.ingress))
        with connect(uri, sock=address, open_timeout=wait_limit(REQUEST_SECONDS), compression=None, proxy=None) as connection:
            try:
                for number in range(100):
                    connection.send(str(number))
                    assert connection.recv(wait_limit(REQUEST_SECONDS)) == str(number)
                    self.requests["socket message"] += 1
                    if self.stopping.wait(0.05):
                        return
            except ConnectionClosed as closed:
                self.requests["socket ended"] += 1
                if closed.rcvd is None or closed.rcvd.code != CloseCode.SERVICE_RESTART:
                    self._fail(f"the WebSocket was cut: {closed!r}")

    def _listen(self) -> None:
        """Follow numbered events of the application over several streams. One that the server ends is complete to its last event."""
        headers, last, ends_at = {"Host": httpx.URL(str(self.deployment["url"])).netloc.decode()}, 0, time.monotonic() + 10
        with httpx.Client(headers=headers, timeout=wait_limit(REQUEST_SECONDS), trust_env=False) as client:
            while time.monotonic() < ends_at and not self.stopping.is_set():
                url = f"http://127.0.0.1:{self.whole.home.ports.ingress}/events"
                with client.stream("GET", url, headers={"Last-Event-ID": str(last)}) as stream:
                    if stream.status_code != 200:
                        return self._fail(f"events: {stream.status_code} {stream.read().decode()[:300]}")
                    for line in stream.iter_lines():
                        if line.startswith("id: "):
                            if int(line.removeprefix("id: ")) != last + 1:
                                self._fail(f"events: {line} follows {last}")
                            last += 1
                            self.requests["event"] += 1
                        if time.monotonic() >= ends_at or self.stopping.is_set():
                            return None
                self.requests["events ended"] += 1
        return None

    def _follow(self) -> None:
        """Deploy, and follow the operation over its events to its end, as a browser does: a stream that ends early goes on where it was."""
        with self._client(self.owner) as client:
            path = f"/v1/apps/{self.deployment['applicationId']}/environments/staging/config"
            change = {"variables": {"N": uuid.uuid4().hex}}
            accepted = self._send(client, "write", 202, "PATCH", path, json=change)
            if accepted.status_code != 202:
                return
            operation = accepted.json()["operationId"]
            last_id, has_ended = "", False
            deadline = time.monotonic() + 120
            while not has_ended and time.monotonic() < deadline:
                headers = {"Last-Event-ID": last_id} if last_id else {}
                with client.stream("GET", f"/v1/operations/{operation}/events", headers=headers) as stream:
                    self.requests["stream"] += 1
                    if stream.status_code != 200:
                        self._fail(f"stream: {stream.status_code} {stream.read().decode()[:300]}")
                        return
                    for line in stream.iter_lines():
                        last_id = line.removeprefix("id: ") if line.startswith("id: ") else last_id
                        has_ended = has_ended or line == "event: end"
            if not has_ended:
                self._fail(f"stream: the operation {operation} has not ended")
            state = self._send(client, "read", 200, "GET", f"/v1/operations/{operation}").json()
            if state.get("state") != "succeeded":
                self._fail(f"deployment: {state}")
