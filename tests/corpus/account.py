"""An account of Capsule, used with the `capsule` command alone."""

import json
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.machine import mailbox
from knative.machine.demo.terminal import CAPSULE, PLAIN_OUTPUT, until
from knative.machine.home import PROJECT, Home
from knative.machine.problems import Problem

PLAN, PAYMENT_METHOD = "business", "pm_card_visa"
PLAN_APPLICATIONS = 100
WAIT_SECONDS = 60
COMMAND_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Completed:
    exit_code: int
    output: str
    """Standard output and standard error."""
    standard_output: str


class Account:
    """The command's configuration is in the installation's state folder, so that a later run is signed in as the same user."""

    def __init__(self, home: Home, project: Path = PROJECT) -> None:
        """`project`: the checkout of Capsule whose command is run."""
        self._home = home
        self.email, self.password = f"corpus-{secrets.token_hex(3)}@example.com", secrets.token_urlsafe(16)
        """Those of the user whom `sign_in` registers."""
        self.configuration = home.path / "corpus"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
        settings = {"CAPSULE_API": home.gateway_url, "CAPSULE_CONFIG": str(self.configuration), "COLUMNS": "1000", "PYTHONPATH": str(project)}
        self._environment = {**inherited, **PLAIN_OUTPUT, **settings}
        self._folder = home.path / "corpus-folder"

    def sign_in(self) -> None:
        """Register, verify the e-mail address, sign in and subscribe, unless this was done before. Raises: Problem."""
        self._folder.mkdir(exist_ok=True)
        if self.run("whoami").exit_code == 0:
            return
        self.require("register", "--email", self.email, "--password-stdin", standard_input=self.password)
        message = until("the verification e-mail", WAIT_SECONDS, lambda: mailbox.find_newest(self._home, self.email))
        link = mailbox.find_link(message) or ""
        if self.run("verify", link, "--password-stdin", standard_input=self.password).exit_code != 0:
            self.require("verify", link)  # an older checkout (`bench --beside`), whose `register` set the password
        self.require("login", "--email", self.email, "--password-stdin", standard_input=self.password)
        until("a customer", WAIT_SECONDS, lambda: self.run("bill").exit_code == 0 or None)
        self.require("subscription", "change", PLAN, "--payment-method", PAYMENT_METHOD)
        until("the raised quota", WAIT_SECONDS, lambda: self.read_json("quota")["applications"]["limit"] >= PLAN_APPLICATIONS or None)

    def read_json(self, *arguments: str) -> Any:
        """The document that a command prints with --json. Raises: Problem."""
        return json.loads(self.require(*arguments, "--json").standard_output)

    def require(self, *arguments: str, standard_input: str | None = None) -> Completed:
        """Run a command that must succeed. Raises: Problem with its output."""
        completed = self.run(*arguments, standard_input=standard_input)
        if completed.exit_code != 0:
            raise Problem(f"`capsule {' '.join(arguments)}` exited with {completed.exit_code}: {completed.output.strip()}", "./taskw status")
        return completed

    def run(self, *arguments: str, standard_input: str | None = None, timeout_seconds: float = COMMAND_SECONDS) -> Completed:
        """Run `capsule` in an empty folder, with the output that it has in a pipe."""
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
