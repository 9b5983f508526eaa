"""Sizes, for people."""

GIB = 1 << 30


def format_bytes(count: int) -> str:
    """Return bytes for people, in binary units."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / (1 << 20):.0f} MiB"
