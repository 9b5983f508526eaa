"""What a mail server's refusal means: try again, give this e-mail up, or give the address up."""

import re

from functions.kernel import Permanent, Transient

ENHANCED_CODE = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
"""RFC 3463 section 2."""
ADDRESS_CODES = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)})
"""Subject and detail of codes about the recipient's address: no such mailbox, host or syntax, moved, null MX (RFC 7505), disabled mailbox."""
UNKNOWN_MAILBOX = re.compile(
    r"\b(?:(?:unknown|no such|invalid|nonexistent) (?:local )?(?:user|mailbox|recipient)"
    r"|(?:user|mailbox|recipient|account)(?: is)? (?:unknown|not found|does not exist|doesn't exist|disabled))\b",
    re.IGNORECASE,
)
"""For servers that send no enhanced code. Their codes alone do not tell (RFC 5321 section 4.2.3): 550 is for "relay not permitted" too."""
OTHER_CAUSE = re.compile(r"\b(?:sender|relay\w*|verif\w*|blocked|spam|policy)\b", re.IGNORECASE)
"""Words of replies about the sender, even where they quote the server of the sender's address: "Sender verify failed: no such user"."""


class AddressRefused(Permanent):
    """The server refuses the address for good: no e-mail reaches it. The text is the server's."""


def refusal_of_recipient(host: str, code: int, text: str) -> Transient | Permanent:
    """Return the exception for a reply to RCPT. RFC 5321 section 4.2.1: 4yz may succeed later, 5yz will not."""
    reply = f"{code} {text}"
    if code < 500:
        return Transient(f"{host} does not take the e-mail now: {reply}")
    enhanced = ENHANCED_CODE.search(text)
    is_about_address = (int(enhanced[2]), int(enhanced[3])) in ADDRESS_CODES if enhanced else _names_no_mailbox(text)
    return AddressRefused(reply) if is_about_address else Permanent(f"{host} refuses the e-mail: {reply}")


def _names_no_mailbox(text: str) -> bool:
    return UNKNOWN_MAILBOX.search(text) is not None and OTHER_CAUSE.search(text) is None


def refusal_of_message(host: str, code: int, text: str) -> Transient | Permanent:
    """Return the exception for any other reply, such as one to DATA: it says nothing about the address."""
    if code < 500:
        return Transient(f"{host} does not take the e-mail now: {code} {text}")
    return Permanent(f"{host} refuses the e-mail: {code} {text}")
