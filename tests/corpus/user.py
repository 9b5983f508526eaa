"""A user of Capsule who has nothing but the `capsule` command, an e-mail account and an HTTP client."""

import json
import os
import secrets
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from knative.machine import mailbox
from knative.machine.demo.terminal import CAPSULE, PLAIN_OUTPUT, until
from knative.machine.demo.visits import address
from knative.machine.home import PROJECT, Home
from knative.machine.problems import Problem
from tests.corpus.outcome import Answer, Deployment
from tests.corpus.table import Row

PLAN, PAYMENT_METHOD = "business", "pm_card_visa"
COMMAND_SECONDS = 120
DEPLOY_SECONDS = 3600
"""Ends a command that would never end; builds have their own, shorter limit."""
ANSWER_SECONDS = 60
MAX_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Completed:
    exit_code: int
    output: str
    standard_output: str


class User:
    """One account, with its configuration in the installation's state folder. Later runs sign in again as the same user."""

    def __init__(self, home: Home, logs: Path) -> None:
        self._home = home
        self._logs = logs
        configuration = {"CAPSULE_API": home.gateway_url, "CAPSULE_CONFIG": str(home.path / "corpus"), "COLUMNS": "1000"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
        self._environment = {**inherited, **PLAIN_OUTPUT, **configuration, "PYTHONPATH": str(PROJECT)}
        self._folder = home.path / "corpus-folder"
        self._folder.mkdir(exist_ok=True)

    def sign_in(self) -> None:
        """Register, verify the e-mail address, sign in and subscribe, unless this was done before."""
        if self._capsule("whoami").exit_code == 0:
            return
        email, password = f"corpus-{secrets.token_hex(3)}@example.com", secrets.token_urlsafe(16)
        self._require("register", "--email", email, "--password-stdin", standard_input=password)
        message = until("the verification e-mail", ANSWER_SECONDS, lambda: mailbox.find_newest(self._home, email))
        self._require("verify", mailbox.find_link(message) or "")
        self._require("login", "--email", email, "--password-stdin", standard_input=password)
        until("a customer", ANSWER_SECONDS, lambda: self._capsule("bill").exit_code == 0 or None)
        self._require("subscription", "change", PLAN, "--payment-method", PAYMENT_METHOD)
        until("the raised quota", ANSWER_SECONDS, lambda: self._json("quota")["applications"]["limit"] > 25 or None)

    def deploy(self, row: Row, repository: str) -> Deployment:
        """Create an application, deploy it, open its URL, and delete it."""
        name = application_name(row)
        started_at = time.monotonic()
        directory = ("--directory", row.directory) if row.directory else ()
        commands = [("apps", "create", name, repository, *directory)]
        if row.variables:
            commands.append(("env", "set", "--app", name, *(f"{key}={value}" for key, value in row.variables.items())))
        commands.append(("deploy", "--app", name, "--ref", row.commit))
        output = ""
        try:
            for command in commands:
                completed = self._capsule(*command, timeout_seconds=DEPLOY_SECONDS)
                output += f"$ capsule {' '.join(command)}\n{completed.output}"
                if completed.exit_code != 0:
                    break
            deployment = Deployment(completed.exit_code, output, time.monotonic() - started_at)
            if completed.exit_code == 0:
                deployment = replace(deployment, answer=self._open(name, row.path))
            self._write_log(row, name, deployment)
            return deployment
        finally:
            self._capsule("delete", name, "--yes")

    def _open(self, name: str, path: str) -> Answer | None:
        """GET the application's URL, following redirects to the same host. None: no answer."""
        url = urljoin(str(self._json("open", "--app", name)["url"]), path)
        with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
            for _ in range(MAX_REDIRECTS):
                target, headers = address(url)
                try:
                    response = client.get(target, headers={**headers, "Accept": "text/html,*/*"})
                except httpx.TransportError:
                    return None
                location = urljoin(url, response.headers.get("location", ""))
                if not response.has_redirect_location or urlsplit(location).netloc != urlsplit(url).netloc:
                    break
                url = location
        return Answer(response.status_code, response.text)

    def _write_log(self, row: Row, name: str, deployment: Deployment) -> None:
        """Keep the output of the commands and the application's own lines for whoever looks into a row."""
        lines = self._capsule("logs", "--app", name, "--run", "--lines", "200").output
        answer = f"\nGET {row.path} → {deployment.answer.status}\n{deployment.answer.text[:4000]}\n" if deployment.answer else ""
        self._logs.mkdir(parents=True, exist_ok=True)
        (self._logs / f"{name}.log").write_text(f"{deployment.output}{answer}\n--- log of the application\n{lines}")

    def _json(self, *arguments: str) -> Any:
        completed = self._require(*arguments, "--json")
        return json.loads(completed.standard_output)

    def _require(self, *arguments: str, standard_input: str | None = None) -> Completed:
        """Run a command that must succeed. Raises: Problem with its output."""
        completed = self._capsule(*arguments, standard_input=standard_input)
        if completed.exit_code != 0:
            raise Problem(f"`capsule {' '.join(arguments)}` exited with {completed.exit_code}: {completed.output.strip()}", "./taskw status")
        return completed

    def _capsule(self, *arguments: str, standard_input: str | None = None, timeout_seconds: float = COMMAND_SECONDS) -> Completed:
        """Run `capsule` in an empty folder, as its output looks in a pipe."""
        result = subprocess.run(
            [*CAPSULE, *arguments],
            input=standard_input,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self._folder,
            env=self._environment,
            timeout=timeout_seconds,
        )
        return Completed(result.returncode, result.stdout + result.stderr, result.stdout)


def application_name(row: Row) -> str:
    """A host name from the row's name, at most 40 characters, unique for each run."""
    words = "-".join("".join(character if character.isalnum() else " " for character in row.name.lower()).split())
    return f"c{words[-32:].strip('-')}-{secrets.token_hex(3)}"
