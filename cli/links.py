"""Links in e-mails."""

import re

TOKEN = re.compile(r"[?&]token=([^&\s]+)")


def token_of(link: str) -> str:
    """Return the token of a link, or the text itself if it is a token."""
    match = TOKEN.search(link)
    return match[1] if match else link
