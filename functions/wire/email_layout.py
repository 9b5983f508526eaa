"""The layout of every e-mail: one sequence of blocks, rendered as plain text and as HTML.

A block is a paragraph (`str`), a `Link`, a `Command` to copy, or `Lines` that stay one below the other. All text is escaped in HTML.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light"></head>
<body style="margin:0;padding:24px 12px;background:#f4f6f8;color:#1c2733;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
<div style="max-width:36em;margin:0 auto;padding:8px 28px 20px;background:#ffffff;border:1px solid #dde3e9;border-radius:10px">
<p style="margin:16px 0;font-weight:700;color:#0b5cad">Capsule</p>
{body}
</div>
</body></html>
"""
BUTTON = "display:inline-block;padding:10px 18px;background:#0b5cad;color:#ffffff;border-radius:6px;text-decoration:none;font-weight:600"
ADDRESS = "font-size:13px;color:#5b6875;overflow-wrap:anywhere;word-break:break-all"
CODE = "white-space:pre-wrap;overflow-wrap:anywhere;padding:10px 12px;background:#f4f6f8;border-radius:6px;font:14px/1.45 monospace"


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
            address, name = html.escape(url), html.escape(label)
            # The address in full too: people check where a link leads, and some programs show no buttons.
            return f'<p><a href="{address}" style="{BUTTON}">{name}</a><br><span style="{ADDRESS}">{address}</span></p>'
        case Command(text):
            return f'<pre style="{CODE}">{html.escape(text)}</pre>'
        case Lines(lines):
            return f"<p>{'<br>'.join(html.escape(line) for line in lines)}</p>"
        case _:
            return f"<p>{html.escape(block)}</p>"
