"""Watches a deployment to its end: each step once, and the build's lines as they come.

Lines arrive a second or so after they were written, also those of a build that has just failed; so the end is told only when no more have come
for a moment.
"""

import time
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.client import Json
from cli.render import deployments as render

if TYPE_CHECKING:
    from cli.session import Session

PAUSE = 0.4
QUIET = 1.6  # seconds without a line after which none is expected any more


class Following:
    def __init__(self, session: "Session", application: Json, deployment: str) -> None:
        self._api = session.api
        self._output = session.output
        self._base = f"/v1/apps/{application['id']}"
        self._deployment = deployment
        self._cursor = "0"
        self._told: list[str] = []

    def to_the_end(self) -> Json:
        with self._output.progress("requested") as doing:
            while True:
                shown = self._api.get(f"{self._base}/deployments/{self._deployment}")
                doing.now(render.doing(shown))
                self._steps(shown)
                self._build_lines()
                if shown["finishedAt"]:
                    self._rest_of_the_log(shown)
                    return shown
                time.sleep(PAUSE)

    def _steps(self, shown: Json) -> None:
        for step in render.passed(shown):
            if step["step"] not in self._told:
                self._told.append(step["step"])
                self._output.note(Text(f"── {step['step']}", "dim"))

    def _rest_of_the_log(self, shown: Json) -> None:
        """Only a build that has just ended may have lines under way."""
        if not render.ended_in_build(shown):
            return
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET:
            time.sleep(PAUSE)
            if self._build_lines():
                quiet_since = time.monotonic()

    def _build_lines(self) -> int:
        query: dict[str, Any] = {"deployment": self._deployment, "component": "build", "limit": 1000}
        page = self._api.get(f"{self._base}/logs", **query, after=self._cursor)
        self._cursor = page["cursor"]
        for line in page["lines"]:
            self._output.note(Text("   │ ", "dim") + Text(line["line"]))
        return len(page["lines"])
