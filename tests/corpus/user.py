"""A user who deploys a row with nothing but the `capsule` command, and opens its URL."""

import secrets
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from knative.machine.demo.visits import address
from tests.corpus.account import Account
from tests.corpus.outcome import Answer, Deployment
from tests.corpus.table import Row

DEPLOY_SECONDS = 3600
"""Ends a command that would never end; builds have their own, shorter limit."""
ANSWER_SECONDS = 60
MAX_REDIRECTS = 5


class User:
    def __init__(self, account: Account, logs: Path) -> None:
        self._account = account
        self._logs = logs

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
                completed = self._account.run(*command, timeout_seconds=DEPLOY_SECONDS)
                output += f"$ capsule {' '.join(command)}\n{completed.output}"
                if completed.exit_code != 0:
                    break
            deployment = Deployment(completed.exit_code, output, time.monotonic() - started_at)
            if completed.exit_code == 0:
                deployment = replace(deployment, answer=self._open(name, row.path))
            self._write_log(row, name, deployment)
            return deployment
        finally:
            self._account.run("apps", "delete", name, "--yes")

    def _open(self, name: str, path: str) -> Answer | None:
        """GET the application's URL, following redirects to the same host. None: no answer."""
        url = urljoin(str(self._account.read_json("open", "--app", name)["url"]), path)
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
        lines = self._account.run("logs", "--app", name, "--run", "--lines", "200").output
        answer = f"\nGET {row.path} → {deployment.answer.status}\n{deployment.answer.text[:4000]}\n" if deployment.answer else ""
        self._logs.mkdir(parents=True, exist_ok=True)
        (self._logs / f"{name}.log").write_text(f"{deployment.output}{answer}\n--- log of the application\n{lines}")


def application_name(row: Row) -> str:
    """A host name from the row's name, at most 40 characters, unique for each run."""
    words = "-".join("".join(character if character.isalnum() else " " for character in row.name.lower()).split())
    return f"c{words[-32:].strip('-')}-{secrets.token_hex(3)}"
