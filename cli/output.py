"""Where words go: results to standard output, everything that is only for a person's eyes to standard error.

With `--json` standard output has JSON and nothing else (one document; what is followed, one document a line), and an error is JSON on standard
error. What the documents are is the API's matter: they are passed on as they came.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from cli.failures import Failure, Refused

PIPE_WIDTH = 200


class Output:
    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, width=_width(sys.stdout.isatty()))
        self.err = Console(stderr=True, highlight=False, width=_width(sys.stderr.isatty()))

    def show(self, document: Any, *what: RenderableType) -> None:
        """A result: the document itself for a script, or how a person reads it."""
        if self.as_json:
            print(json.dumps(document, indent=2, ensure_ascii=False))
            return
        for each in what:
            self.out.print(each, soft_wrap=isinstance(each, (str, Text)))

    def line(self, document: Any, what: Text) -> None:
        """One of many that come as they come: written at once."""
        if self.as_json:
            print(json.dumps(document, ensure_ascii=False), flush=True)
        else:
            self.out.print(what, soft_wrap=True)
            self.out.file.flush()

    def note(self, what: str | Text) -> None:
        """For a person only."""
        if not self.as_json:
            self.err.print(what, soft_wrap=True)

    @contextmanager
    def progress(self, doing: str) -> Iterator["Doing"]:
        if self.as_json or not self.err.is_terminal:
            yield Doing(None)
            return
        with self.err.status(doing, spinner="dots") as status:
            yield Doing(status)

    def fail(self, failure: Failure) -> None:
        if self.as_json:
            print(json.dumps(failure.document(), ensure_ascii=False), file=sys.stderr)
            return
        title = Text("✗ ", "bold red") + Text(failure.title, "bold")
        if failure.detail and failure.detail != failure.title:
            title += Text(f": {failure.detail}" if "\n" not in failure.detail else f"\n{failure.detail}")
        self.err.print(title, soft_wrap=True)
        if isinstance(failure, Refused):
            for place, detail in failure.faults:
                self.err.print(Text(f"    {place}: {detail}"), soft_wrap=True)
            if failure.request_id:
                self.err.print(Text(f"    request {failure.request_id}", "dim"), soft_wrap=True)
        if failure.hint:
            self.err.print(Text(f"  → {failure.hint}", "cyan"), soft_wrap=True)


class Doing:
    """What is being done right now, on a line that moves; nothing where nobody looks."""

    def __init__(self, status: Status | None) -> None:
        self._status = status

    def now(self, doing: str) -> None:
        if self._status:
            self._status.update(doing)


def _width(terminal: bool) -> int | None:
    """A file has no width: tables in it are not squeezed."""
    return None if terminal or os.environ.get("COLUMNS") else PIPE_WIDTH
