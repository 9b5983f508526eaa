"""What programs of others wrote, made safe for a terminal.

A log line, an error or a name may hold control sequences that move the cursor, change the title, or write to the clipboard of who reads it.
Nothing of that reaches the terminal: sequences are removed, other control characters become their escapes (`\\x07`), and so do those that reorder
text (UAX #9).
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI (ECMA-48): colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC: title, clipboard, links
    r"|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_ASCII_CONTROL = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text that prints as itself. Line feeds and tabs stay."""
    if text.isprintable():
        return text
    return _CONTROL.sub(_escape, _SEQUENCE.sub("", text))


def to_json(document: Any, indent: int | None = None) -> str:
    """Return a JSON document without control characters. They are escaped as JSON has them, so its value is the same."""
    return _NOT_ASCII_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(document, indent=indent, ensure_ascii=False))


class PrintableOutput(RenderHook):
    """Makes all that a console prints printable; the console's own sequences stay."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Printable(each) for each in renderables]


class _Printable:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _printable_segments(console.render(self._renderable, options))


def _printable_segments(segments: Iterable[Segment]) -> Iterable[Segment]:
    for segment in segments:
        yield segment if segment.control else Segment(printable(segment.text), segment.style)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
