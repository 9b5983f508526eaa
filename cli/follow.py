"""Follows a deployment to its end: prints each step once, and the build log as it is written.

Log lines arrive about a second after they are written, also those of a build that has just ended. A step's heading therefore waits for the end of
the build log.
"""

import time

from rich.text import Text

from cli.client import Client, Json
from cli.output import Output
from cli.render import deployments as render

POLL_SECONDS = 0.4
QUIET_SECONDS = 3.0  # a build log without an end marker has ended when no line came for this long
END_OF_BUILD_LOG = ("==> Stored ", "==> Failed ")  # as builder and registry write it


class DeploymentFollower:
    """Follows one deployment. `log_lines` holds the build log printed so far."""

    def __init__(self, api: Client, output: Output, application: Json, deployment_id: str) -> None:
        self._api = api
        self._output = output
        self._base = f"/v1/apps/{application['id']}"
        self._deployment_id = deployment_id
        self._cursor = "0"
        self._printed_steps: list[str] = []
        self.log_lines: list[str] = []

    def follow(self) -> Json:
        """Return the deployment when it has ended."""
        with self._output.progress("requested") as progress:
            while True:
                view = self._api.get(f"{self._base}/deployments/{self._deployment_id}")
                progress.update(render.progress(view))
                self._print_steps(view)
                self._print_build_lines()
                if view["finishedAt"]:
                    if render.is_ended_in_build(view):
                        self._print_rest_of_build_log()
                    return view
                time.sleep(POLL_SECONDS)

    def _print_steps(self, view: Json) -> None:
        for step in render.begun_steps(view):
            if step["step"] not in self._printed_steps:
                if self._printed_steps[-1:] == ["building"]:
                    self._print_rest_of_build_log()
                self._printed_steps.append(step["step"])
                self._output.note(Text(f"── {step['step']}", "dim"))

    def _print_rest_of_build_log(self) -> None:
        if self._output.as_json:
            return
        quiet_since = time.monotonic()
        while not self._is_build_log_complete() and time.monotonic() - quiet_since < QUIET_SECONDS:
            if self._print_build_lines():
                quiet_since = time.monotonic()
            else:
                time.sleep(POLL_SECONDS)

    def _is_build_log_complete(self) -> bool:
        """The cause of a failure may follow its marker on further lines, in the same page."""
        return any(line.startswith(END_OF_BUILD_LOG) for line in self.log_lines)

    def _print_build_lines(self) -> int:
        if self._output.as_json:
            return 0
        page = self._api.get(f"{self._base}/logs", deployment=self._deployment_id, component="build", limit=1000, after=self._cursor)
        self._cursor = page["cursor"]
        for line in page["lines"]:
            self.log_lines.append(line["line"])
            self._output.note(Text.assemble(("   │ ", "dim"), line["line"]))
        return len(page["lines"])
