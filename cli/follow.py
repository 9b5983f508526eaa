"""Follows a deployment: prints each step once, and the build log as it is written.

Log lines arrive about a second after they are written, also those of a build that has just ended. A step's heading therefore waits for the end of
the build log, and no line of the build follows the heading of a later step.
"""

import time

from rich.text import Text

from cli.client import Client, Json
from cli.operation_events import POLL_SECONDS, OperationEvents
from cli.output import Output
from cli.render import deployments as render

UNCHANGED_SECONDS = 30.0  # a deployment without an event is requested nevertheless
QUIET_SECONDS = 10.0  # a build log without an end marker is given up when no line came for this long
QUIET_SECONDS_AFTER_FAILURE = 1.5  # the platform's own last line may precede lines that the collector has read, but not sent
END_OF_BUILD_LOG = ("==> Stored ", "==> Failed")  # as builder, registry, and the platform write it
FAILURE = "==> Failed"  # the failure that ends the command says the same as this line and those that follow it


def logs_path(application: Json) -> str:
    return f"/v2/apps/{application['id']}/logs"


class DeploymentFollower:
    """Follows one deployment to its end, or with `until_serving` until its release has the traffic."""

    def __init__(
        self,
        api: Client,
        output: Output,
        application: Json,
        deployment_id: str,
        *,
        until_serving: bool = False,
        events: OperationEvents | None = None,
    ) -> None:
        """`events`: of the deployment's operation; without them it polls."""
        self._api = api
        self._events = events
        self._output = output
        self._base = f"/v1/apps/{application['id']}"
        self._logs = logs_path(application)
        self._deployment_id = deployment_id
        self._until_serving = until_serving
        self._cursor = "0"
        self._printed_steps: list[str] = []
        self._is_build_log_complete = output.as_json
        self._quiet_seconds = QUIET_SECONDS

    def follow(self) -> Json:
        """Return the deployment when it has ended, or serves."""
        with self._output.progress("requested") as progress:
            is_changed, asked_at = True, 0.0
            while True:
                if is_changed or time.monotonic() - asked_at >= UNCHANGED_SECONDS:
                    view, asked_at = self._api.get(f"{self._base}/deployments/{self._deployment_id}"), time.monotonic()
                    progress.update(render.progress(view))
                if not self._is_build_log_complete:
                    self._print_build_log(view)
                self._print_steps(view)
                if view["finishedAt"] or (self._until_serving and view["status"] == render.OBSERVING):
                    return view
                is_changed = self._wait()

    def _wait(self) -> bool:
        """Wait for a change, or for more of the build log, which has no events. Returns whether the deployment may have changed."""
        if self._events is not None:
            return self._events.wait(UNCHANGED_SECONDS if self._is_build_log_complete else POLL_SECONDS)
        time.sleep(POLL_SECONDS)
        return True

    def _print_build_log(self, view: Json) -> None:
        """Print what has arrived of the build log; all of it once the build has ended."""
        if view["cause"] != "deploy":
            self._is_build_log_complete = True
            return
        if not render.is_past_build(view):
            self._print_steps(view)
            self._print_build_lines()
            return
        self._print_steps({**view, "steps": [each for each in view["steps"] if each["step"] in render.STEPS_OF_A_BUILD]})
        has_build = any(each["step"] == "building" for each in view["steps"])
        quiet_since = time.monotonic()
        while has_build and not self._is_build_log_complete and time.monotonic() - quiet_since < self._quiet_seconds:
            if self._print_build_lines():
                quiet_since = time.monotonic()
            elif not self._is_build_log_complete:
                time.sleep(POLL_SECONDS)
        if has_build and not self._is_build_log_complete and self._quiet_seconds == QUIET_SECONDS:
            self._output.note(Text("   │ the end of the build log has not arrived: capsule logs --build", "dim"))
        self._is_build_log_complete = True

    def _print_steps(self, view: Json) -> None:
        for step in render.begun_steps(view):
            if step["step"] not in self._printed_steps:
                self._printed_steps.append(step["step"])
                self._output.note(Text(f"── {render.step_heading(step['step'], view)}", "dim"))

    def _print_build_lines(self) -> int:
        page = self._api.get(self._logs, deployment=self._deployment_id, component="build", limit=1000, after=self._cursor)
        self._cursor = page["cursor"]
        for each in page["lines"]:
            line = each["line"]
            if line.startswith(END_OF_BUILD_LOG) and not each["pod"]:
                self._quiet_seconds = QUIET_SECONDS_AFTER_FAILURE
                continue
            self._is_build_log_complete = self._is_build_log_complete or line.startswith(END_OF_BUILD_LOG)
            if line.startswith(FAILURE):
                break
            self._output.note(Text.assemble(("   │ ", "dim"), line))
        return len(page["lines"])
