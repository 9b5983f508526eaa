"""Host names that others choose, in the one form in which they are compared, resolved and connected to: ASCII, lower case (RFC 5891, RFC 1035).

Two programs that read a name differently connect to two hosts: `①②⑦.0.0.1` is 127.0.0.1 for one that maps characters (UTS 46) and an unknown name
for another. So a name is mapped once, where it comes in.
"""

MAX_NAME_LENGTH, MAX_LABEL_LENGTH = 253, 63


class BadHostName(ValueError):
    """The text is no name that the DNS can have."""


def ascii_host(host: str) -> str:
    """Return the name in ASCII and lower case. IPv6 addresses pass, without brackets. Raises BadHostName."""
    if ":" in host:
        return host.lower()
    host = host.rstrip(".")
    is_encoded = any(label.lower().startswith("xn--") for label in host.split("."))
    if not host.isascii() or is_encoded:
        host = _mapped(host)
    labels = host.split(".")
    if len(host) > MAX_NAME_LENGTH or not all(0 < len(label) <= MAX_LABEL_LENGTH for label in labels):
        raise BadHostName(f"{host[:80]!r} is not a host name")
    if not all(character.isalnum() or character in "-_" for label in labels for character in label):
        raise BadHostName(f"{host[:80]!r} is not a host name")
    return host.lower()


def _mapped(host: str) -> str:
    """Raises BadHostName, also for an A-label that decodes to nothing (RFC 5890 section 2.3.2.1)."""
    import idna  # few names need it

    try:
        mapped = idna.encode(host, uts46=True).decode() if not host.isascii() else host.lower()
        idna.decode(mapped)
    except (idna.IDNAError, UnicodeError) as error:
        raise BadHostName(f"{host[:80]!r} is not a host name") from error
    return mapped
