"""The layout of every e-mail: one sequence of blocks, rendered as plain text and as HTML.

A block is a paragraph (`str`), a `Link`, a `Command` to copy, or `Lines` that stay one below the other. All text is escaped in HTML.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

PAGE = """<!doctype html>
<html lang="en"><body style="font:16px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:36em;margin:2em auto;padding:0 1em">
{body}
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    lines: tuple[str, ...]


Block = str | Link | Command | Lines


class Content(NamedTuple):
    text: str
    html: str


def render(blocks: Sequence[Block]) -> Content:
    text = "\n\n".join(_as_text(block) for block in blocks) + "\n"
    return Content(text, PAGE.format(body="\n".join(_as_html(block) for block in blocks)))


def _as_text(block: Block) -> str:
    match block:
        case Link(label, url):
            return f"{label}:\n{url}"
        case Command(text):
            return f"    {text}"
        case Lines(lines):
            return "\n".join(f"  {line}" for line in lines)
        case _:
            return block


def _as_html(block: Block) -> str:
    match block:
        case Link(label, url):
            return f'<p><a href="{html.escape(url)}">{html.escape(label)}</a></p>'
        case Command(text):
            return f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>'
        case Lines(lines):
            return f"<p>{'<br>'.join(html.escape(line) for line in lines)}</p>"
        case _:
            return f"<p>{html.escape(block)}</p>"
