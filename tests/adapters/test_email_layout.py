"""The layout of e-mails: each block as plain text and as HTML."""

import pytest

from functions.wire.email_layout import Block, Command, Lines, Link, render


@pytest.mark.parametrize(
    ("block", "text", "html"),
    [
        ("a < b", "a < b\n", "<p>a &lt; b</p>"),
        (Link("Open <it>", "https://x/?a=1&b=2"), "Open <it>:\nhttps://x/?a=1&b=2\n", '<a href="https://x/?a=1&amp;b=2" style="'),
        (Link("Open <it>", "https://x/?a=1&b=2"), "Open <it>:\nhttps://x/?a=1&b=2\n", '">Open &lt;it&gt;</a><br>'),
        (Link("Open", "https://x/?a=1&b=2"), "Open:\nhttps://x/?a=1&b=2\n", '">https://x/?a=1&amp;b=2</span>'),
        (Command("echo '<'"), "    echo '<'\n", "echo &#x27;&lt;&#x27;</pre>"),
        (Lines(("one", "<two>")), "  one\n  <two>\n", "<p>one<br>&lt;two&gt;</p>"),
    ],
)
def test_a_block_is_rendered_as_text_and_escaped_in_html(block: Block, text: str, html: str) -> None:
    content = render([block])
    assert content.text == text
    assert html in content.html and content.html.startswith("<!doctype html>")


def test_blocks_are_separate_paragraphs_in_their_order() -> None:
    assert render(["one", Link("two", "http://two"), Command("three")]).text == "one\n\ntwo:\nhttp://two\n\n    three\n"
