"""`smoke`: the main job on a running installation, as a user does it: an account, an application from a git repository, its URL, its logs and bill.

It uses the `capsule` command, with a login of its own that is deleted at the end, and the gateway's public address. The application is deleted
at the end, and the account after its grace period.
"""

import secrets
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rich.console import Console

from cli.variables import API, CA_FILE, CONFIG, TOKEN
from knative.machine.demo.terminal import Json, Terminal, until
from knative.machine.problems import Problem

REPOSITORY = "https://github.com/heroku/python-getting-started.git"
"""A public repository that is built without settings."""
REQUESTS = 20
BILL_SECONDS = 180
"""How long usage may take until it is on the bill: the collector's interval and one of monitor's windows."""


@dataclass
class Smoke:
    """`address`: of the new account; its verification e-mail must reach the operator. `token`: of an existing account, in place of a new one."""

    terminal: Terminal
    console: Console
    repository: str
    address: str = ""
    token: str = field(default="", repr=False)
    read_link: Callable[[str], str] = lambda address: typed_link(address)
    """Returns the link of the verification e-mail."""
    trust: ssl.SSLContext | bool = True
    """What certificates of applications are verified with."""
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    name: str = field(default_factory=lambda: f"smoke-{secrets.token_hex(3)}")
    has_account: bool = False
    has_application: bool = False

    def run(self) -> list[Json]:
        """Run all steps and return them with their seconds. What was made is deleted in any case. Raises: Problem of the first that fails."""
        steps: list[Json] = []
        try:
            for title, step in (
                ("account", self.account),
                ("deploy", self.deploy),
                ("requests", self.request),
                ("logs", self.logs),
                ("bill", self.bill),
            ):
                started_at = time.monotonic()
                detail = step()
                steps.append({"step": title, "seconds": round(time.monotonic() - started_at, 1), "detail": detail})
        finally:
            self.clean_up()
        return steps

    def account(self) -> str:
        """Register, verify and sign in, or use the token."""
        if self.token:
            return str(self.terminal.read_json("whoami")["email"])
        self.terminal.run("register", "--email", self.address, "--password-stdin", standard_input=self.password)
        self.terminal.run("verify", self.read_link(self.address), "--password-stdin", standard_input=self.password)
        self.terminal.run("login", "--email", self.address, "--password-stdin", standard_input=self.password)
        self.has_account = True  # before the login nobody can delete it; the platform deletes accounts that nobody verified
        me = self.terminal.read_json("whoami")
        if not me["emailVerified"]:
            raise Problem(f"{self.address} is not verified after `capsule verify`.", "See the log of auth-verify-email.")
        return self.address

    def deploy(self) -> str:
        self.terminal.run("apps", "create", self.name, self.repository)
        self.has_application = True
        self.terminal.run("deploy", "--app", self.name)
        latest = self._latest()
        if latest["status"] != "succeeded":
            raise Problem(f"The deployment ended with status {latest['status']}: {latest['reason']}", f"capsule logs --app {self.name} --build")
        return f"r{latest['release']} at {latest['url']}"

    def request(self) -> str:
        url = str(self._latest()["url"])
        try:
            with httpx.Client(verify=self.trust, timeout=60, follow_redirects=True) as client:
                answers = [client.get(url) for _ in range(REQUESTS)]
        except httpx.HTTPError as error:
            raise Problem(
                f"{url} does not answer: {error}", "Do DNS and the certificate of the domain of applications lead to the ingress?"
            ) from error
        failed = [each for each in answers if each.status_code >= 400]
        if failed:
            raise Problem(f"{len(failed)} of {REQUESTS} requests got {failed[0].status_code}: {failed[0].text[:200]}", f"curl -v {url}")
        return f"{REQUESTS} × {answers[0].status_code} from {url}"

    def logs(self) -> str:
        """The build writes lines even if the application is silent."""
        lines = until("log lines of the build", 60, lambda: self.terminal.read_json_lines("logs", "--app", self.name, "--build") or None, 1)
        return f"{len(lines)} lines of the build"

    def bill(self) -> str:
        requests = until("the requests on the bill", BILL_SECONDS, self._billed, 2)
        return f"{requests} requests on the bill"

    def clean_up(self) -> None:
        """Delete the application, then the account. Each is tried although the other one fails."""
        problems = []
        for is_there, what, arguments in (
            (self.has_application, f"application {self.name}", ("apps", "delete", "--app", self.name, "--yes")),
            (self.has_account, f"account {self.address}", ("account", "delete", "--password-stdin")),
        ):
            if is_there:
                try:
                    self.terminal.run(*arguments, standard_input=self.password if "--password-stdin" in arguments else None)
                except Problem as problem:
                    problems.append(f"The {what} is left: {problem.message}")
        for text in problems:
            self.console.print(f"[yellow]![/] {text}", soft_wrap=True)

    def _latest(self) -> Json:
        deployments = self.terminal.read_json("status", "--app", self.name)["deployments"]
        return dict(self.terminal.read_json("status", deployments[0]["id"], "--app", self.name))

    def _billed(self) -> int | None:
        """Requests of the application on the current bill; None while it has fewer than were sent."""
        bill = self.terminal.read_json("bill", exit_codes=(0, 4)) or {"lines": []}
        application = self._latest()["applicationId"]
        count = sum(int(line["requests"]) for line in bill["lines"] if line["applicationId"] == application)
        return count if count >= REQUESTS else None


def smoke(console: Console, url: str, repository: str, *, address: str = "", token: str = "", ca_file: Path | None = None) -> list[Json]:
    """Run the steps against a gateway. `ca_file`: authorities to trust beside the system's. Raises: Problem."""
    if not address and not token:
        raise Problem(
            "A smoke test needs a mailbox or an account.",
            "--address you+smoke@example.com makes an account, which is deleted; CAPSULE_TOKEN=… uses that of an API token.",
        )
    if not url:
        raise Problem("The overlay does not name the gateway: it has no CAPSULE_PUBLIC_URL.", "Name it in settings.yaml, or pass --url ADDRESS")
    try:
        trust = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise Problem(
            f"{ca_file} has no certificates that can be read: {getattr(error, 'strerror', None) or error}", "PEM certificates are needed."
        ) from error
    with tempfile.TemporaryDirectory(prefix="capsule-smoke-") as folder:
        environment = {
            API.name: url,
            CONFIG.name: folder,
            **({TOKEN.name: token} if token else {}),
            **({CA_FILE.name: str(ca_file)} if ca_file else {}),
        }
        return Smoke(Terminal(console, environment), console, repository, address, token, trust=trust).run()


def typed_link(address: str) -> str:
    """Ask for the link of the verification e-mail, or read it from a pipe. Raises: Problem without either."""
    if sys.stdin.isatty():
        with suppress(EOFError):
            return input(f"Paste the link of the e-mail to {address}: ").strip()
    if link := sys.stdin.readline().strip():
        return link
    raise Problem(
        f"The link of the e-mail to {address} is needed.",
        "Run it on a terminal, write the link to standard input, or use an API token: CAPSULE_TOKEN=…",
    )
