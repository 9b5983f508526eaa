"""Conditional requests (RFC 9110 section 13) and range requests (section 14) for one representation (pure).

Starlette sends the ranges. What it reads of them differs from the RFC in three points, so a Range header reaches it only after `usable_range`: it
answers 400 to a unit or a syntax that it does not know (to be ignored: section 14.2), 416 to a set of which one range can be sent (section 14.1.2),
and 206 to HEAD (section 14.2).
"""

import re
from email.utils import parsedate_to_datetime

MAX_RANGES = 16
"""Of one request. More are answered with the whole file (RFC 9110 section 17.15)."""
_RANGES = re.compile(r"\s*bytes\s*=(?P<set>[0-9,\s-]+)", re.ASCII | re.IGNORECASE)
_RANGE = re.compile(r"(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})", re.ASCII)


def is_unchanged(etag: str, modified_at: float, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Return whether the client has the representation already: the answer is 304. `modified_at`: seconds since the epoch."""
    if if_none_match is not None:
        return _matches(etag, if_none_match)
    since = _timestamp(if_modified_since)
    return since is not None and int(modified_at) <= since


def is_precondition_failed(etag: str, modified_at: float, if_match: str | None, if_unmodified_since: str | None) -> bool:
    """Return whether the client asks for another version of the file: the answer is 412."""
    if if_match is not None:
        return not _matches(etag, if_match)
    since = _timestamp(if_unmodified_since)
    return since is not None and int(modified_at) > since


def usable_range(header: str, size: int) -> str | None:
    """Return the ranges of a Range header that can be sent, in its own syntax, or the header if none can be sent (416).

    None: the header is to be ignored. `size`: of the representation, in bytes.
    """
    found = _RANGES.fullmatch(header)
    specs = [spec.strip() for spec in found["set"].split(",") if spec.strip()] if found else []
    if not specs or len(specs) > MAX_RANGES:
        return None
    satisfiable = []
    for spec in specs:
        match = _RANGE.fullmatch(spec)
        if match is None or spec == "-" or (match["first"] and match["last"] and int(match["first"]) > int(match["last"])):
            return None
        first = int(match["first"]) if match["first"] else size - int(match["last"])
        if first < size:
            satisfiable.append(spec)
    return f"bytes={','.join(satisfiable)}" if satisfiable else f"bytes={size}-"


def _matches(etag: str, header: str) -> bool:
    """Compare weakly, as GET does (RFC 9110 section 13.1.2)."""
    return header.strip() == "*" or etag in {each.strip().removeprefix("W/") for each in header.split(",")}


def _timestamp(header: str | None) -> float | None:
    """None: there is no such header, or it has no valid date and is to be ignored."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except (ValueError, OverflowError):
        return None
