"""Standard output and standard error of the command.

Results go to standard output, messages for people to standard error. With `--json` standard output holds JSON only: one document, or one
document per line for what is streamed, as the API sent it. An error is then one JSON document on standard error. With `--quiet` there are results and
errors, without progress, notes and next steps.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from cli.failures import ApiError, Failure
from cli.render.printable import PrintableOutput, printable, to_json
from cli.render.tables import Prose

PIPE_WIDTH = 10_000  # in a file or pipe, tables keep all their columns
NEXT = "Next: "


class Output:
    def __init__(self, as_json: bool, verbose: bool = False, *, is_quiet: bool = False) -> None:
        self.as_json = as_json
        self.is_quiet = is_quiet or as_json
        self.verbose = verbose
        self.out = Console(highlight=False, width=_width(sys.stdout.isatty()))
        self.err = Console(stderr=True, highlight=False, width=_width(sys.stderr.isatty()))
        for console in (self.out, self.err):
            console.push_render_hook(PrintableOutput())

    def show(self, document: Any, *renderables: RenderableType) -> None:
        """Print a result: `document` as JSON with `--json`, the renderables otherwise. A `str` is printed as it is, without markup."""
        if self.as_json:
            self.document(document)
            return
        for each in renderables:
            self.out.print(Prose(each) if isinstance(each, (str, Text)) else each, soft_wrap=True)

    def document(self, document: Any) -> None:
        """Print a document as JSON, with or without `--json`."""
        print(to_json(document, indent=2))

    def line(self, document: Any, text: Text) -> None:
        """Print one line of a stream and flush it."""
        if self.as_json:
            print(to_json(document), flush=True)
        else:
            self.out.print(text, soft_wrap=True)
            self.out.file.flush()

    def raw_line(self, text: str) -> None:
        """Print one line of a stream as it is, with control sequences, and flush it."""
        sys.stdout.write(text.encode("utf-8", "replace").decode() + "\n")
        sys.stdout.flush()

    def note(self, text: str | Text) -> None:
        """Print a message for people to standard error; nothing with `--json` or `--quiet`. A `Text` stays on one line, a `str` breaks at spaces."""
        if not self.is_quiet:
            self.err.print(Prose(text) if isinstance(text, str) else text, soft_wrap=True)

    def instruct(self, text: str) -> None:
        """Print what a person must do now before the command goes on to standard error, also with `--json` and `--quiet`."""
        self.err.print(Prose(text), soft_wrap=True)

    def next_step(self, *commands: str) -> None:
        """Print the commands that usually follow."""
        for index, each in enumerate(commands):
            self.note(Text.assemble((NEXT if index == 0 else " " * len(NEXT), "dim"), (each, "cyan")))

    @contextmanager
    def progress(self, text: str) -> Iterator["Progress"]:
        """Show a spinner with a text while the block runs, if standard error is a terminal."""
        if self.is_quiet or not self.err.is_terminal:
            yield Progress(None)
            return
        with self.err.status(printable(text), spinner="dots") as status:
            yield Progress(status)

    def fail(self, failure: Failure) -> None:
        if self.as_json:
            print(to_json(failure.document()), file=sys.stderr)
            return
        for line in failure_lines(failure, verbose=self.verbose):
            self.err.print(Prose(line), soft_wrap=True)
        if failure.hint:
            self.err.print(Text(f"  → {failure.hint}", "cyan"), soft_wrap=True)


class Progress:
    """The text beside the spinner; without a terminal it does nothing."""

    def __init__(self, status: Status | None) -> None:
        self._status = status

    def update(self, text: str) -> None:
        if self._status:
            self._status.update(printable(text))


GENERAL_TYPES = ("", "invalid")
"""Types of problems that say nothing beside the faults of the input."""


def failure_lines(failure: Failure, *, verbose: bool = False) -> list[Text]:
    """Return what and why as people read it; the hint follows on a line of its own, unbroken, because it may be a command to copy.

    The faults of an input that is not valid replace title and detail, which would only announce them. A detail that is a whole sentence replaces the
    title, which is the same for all problems of a type; it also says more than the field of a refusal, such as how much a quota has left. The request
    id helps an operator, so it is shown for 5xx and with `--verbose`.
    """
    faults = failure.faults if isinstance(failure, ApiError) and (failure.type in GENERAL_TYPES or not failure.detail) else []
    mark = Text("✗ ", "bold red")
    if len(faults) == 1:
        lines = [Text.assemble(mark, (": ".join(faults[0]), "bold"))]
    elif faults:
        lines = [Text.assemble(mark, (f"The input has {len(faults)} faults:", "bold"))]
        lines += [Text(f"    {field}: {detail}") for field, detail in faults]
    else:
        title, detail = failure.title, failure.detail
        if isinstance(failure, ApiError) and is_sentence(detail):
            title, detail = detail, ""
        elif detail.rstrip(".") == title.rstrip("."):
            detail = ""
        first = Text.assemble(mark, (title, "bold"))
        if not detail:
            lines = [first]
        elif "\n" in detail:
            lines = [first, *(Text(f"  {line}") for line in detail.splitlines())]
        else:
            lines = [Text.assemble(first, f": {detail}" if not title.endswith(".") else f" {detail}")]
    if isinstance(failure, ApiError) and failure.request_id and (verbose or failure.status >= 500):
        lines.append(Text(f"    request {failure.request_id}", "dim"))
    return lines


def is_sentence(text: str) -> bool:
    return text[:1].isupper() and text.endswith(".") and "\n" not in text


def _width(is_terminal: bool) -> int | None:
    """None: Rich asks the terminal, or COLUMNS."""
    return None if is_terminal or os.environ.get("COLUMNS") else PIPE_WIDTH
