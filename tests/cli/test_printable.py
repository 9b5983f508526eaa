"""Nothing that a program of others wrote controls the terminal of who reads it."""

import io
import json

import pytest
from rich.console import Console
from rich.text import Text

from cli.failures import ApiError
from cli.output import Output
from cli.render.observe import log_line
from cli.render.printable import PrintableOutput, printable, to_json

ATTACKS = {
    "\x1b[31mred\x1b[0m and \x1b[38;2;1;2;3mmore": "red and more",
    "\x1b]0;a title\x07text": "text",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\": "link",
    "\x1b]52;c;ZXZpbA==\x07": "",
    "\x1bP+q544e\x1b\\after": "after",
    "\x9b2Jcleared \x9d0;title\x9c": "cleared ",
    "\x1bc\x1b7\x1b(Bplain": "plain",
    "bell \x07 back \x08 nul \x00 escape \x1b": "bell \\x07 back \\x08 nul \\x00 escape \\x1b",
    "unfinished \x1b[31": "unfinished 31",
    "invoice \u202etxt.exe": "invoice \\u202etxt.exe",
    "tab\tand line\nfeed": "tab\tand line\nfeed",
    "naïve 漢字 🚀": "naïve 漢字 🚀",
    "next\x85line\u2028separator": "next\\x85line\\u2028separator",
    "half \ud800": "half \\ud800",
}


@pytest.mark.parametrize(("text", "expected"), ATTACKS.items(), ids=range(len(ATTACKS)))
def test_text_of_others_becomes_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_json_keeps_the_value_and_has_no_control_characters(text: str) -> None:
    document = to_json({"line": text})
    assert json.loads(document) == {"line": text} and document.isprintable()


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_a_console_prints_its_own_colours_and_no_others(text: str) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=200, color_system="standard", highlight=False)
    console.push_render_hook(PrintableOutput())
    console.print(Text.assemble(("mark ", "green"), text, " end"), soft_wrap=True)
    found = written.getvalue()
    assert found.startswith("\x1b[32mmark \x1b[0m") and found.endswith("nd\n")
    assert "\x1b" not in found.removeprefix("\x1b[32mmark \x1b[0m") and not {"\x9b", "\x9d", "\u202e", "\x00", "\x07"} & set(found)


def test_logs_and_failures_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    line = {"at": "2026-01-01T00:00:00+00:00", "environment": "production", "component": "run", "stream": "stdout", "line": "\x1b]0;owned\x07 hello"}
    output = Output(as_json=False)
    output.line(line, log_line(line))
    output.note("\x1b[2Jnote")
    output.fail(ApiError(422, {"title": "The build failed", "detail": "\x1b]0;owned\x07error: \x1b[1mno\x1b[0m such file."}))
    output.raw_line("\x1b[31mred\ud800")
    found = capsys.readouterr()
    assert "production  hello" in found.out and found.out.endswith("\x1b[31mred?\n") and "owned" not in found.out
    assert "\x1b" not in found.err and "error: no such file." in found.err
