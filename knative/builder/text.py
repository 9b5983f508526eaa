"""Read text files of repositories in the encodings and line endings that their authors use.

Editors on Windows write UTF-8 with a byte order mark, UTF-16 (PowerShell's `>`) and CR LF. None of that is an error of
the file's content: every reader of the builder gets the same text.
"""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode_text(content: bytes) -> str:
    """Decode by the byte order mark, else as UTF-8, else as UTF-16 if every second byte is NUL, else as Windows-1252.

    Line ends (CR LF and CR) become `\\n`. Windows-1252 decodes the printable bytes of Latin-1 alike (WHATWG Encoding,
    section 4.2), and the five bytes that it leaves undefined as Latin-1, so nothing fails.
    """
    text = _decode(content).removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(content: bytes) -> str:
    """Return the name of the encoding by which `decode_text` decodes."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
        is_utf8 = False
    else:
        is_utf8 = True
    if (not is_utf8 or "\x00" in text) and len(content) >= 2:
        even, odd = content[0::2], content[1::2]
        if odd.count(0) * 2 > len(odd) and even.count(0) * 4 < len(even):
            return "utf-16-le"
        if even.count(0) * 2 > len(even) and odd.count(0) * 4 < len(odd):
            return "utf-16-be"
    return "utf-8" if is_utf8 else "windows-1252"


def _decode(content: bytes) -> str:
    encoding = encoding_of(content)
    if encoding != "windows-1252":
        return content.decode(encoding, "replace")
    return "".join(bytes([byte]).decode("windows-1252", "ignore") or chr(byte) for byte in content)


def printable(text: str) -> str:
    """Return the text with control characters and undecodable bytes of file names escaped, for logs and messages."""
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in decoded)
