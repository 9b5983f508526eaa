"""What is wrong with an answer, whatever the request was."""

import re
from typing import Any

import orjson

from tests.fuzz.client import Answer

PATH_REFERENCE = re.compile(r"/(?!/)(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*")
"""RFC 3986 section 4.2: a relative reference that is a path, without an authority."""
POINTER = re.compile(r"(/([^~/]|~[01])*)*", re.DOTALL)
"""RFC 6901 section 3."""
PROBLEM = "application/problem+json"
UNDECIDED = (503, 504)
"""A dependency is down, or slow. The answer says when to come again."""


def fault(answer: Answer | None) -> str:
    """Return what is wrong with an answer, "" if nothing is."""
    if answer is None:
        return "the connection ended without a response"
    if answer.status >= 500 and answer.status not in UNDECIDED:
        return f"status {answer.status}"
    if answer.status in UNDECIDED and not answer.fields.get("retry-after", "").isdigit():
        return f"status {answer.status} without Retry-After"
    if answer.status < 400:
        return ""
    return _fault_of_problem(answer)


def _fault_of_problem(answer: Answer) -> str:
    if answer.fields.get("content-type") != PROBLEM:
        return f"content type {answer.fields.get('content-type')!r}, not {PROBLEM}"
    try:
        document: Any = orjson.loads(answer.body)
    except ValueError as error:
        return f"the problem is not JSON: {error}"
    if not isinstance(document, dict) or document.get("status") != answer.status or not document.get("title") or not document.get("detail"):
        return "the problem lacks status, title or detail"
    if not all(PATH_REFERENCE.fullmatch(str(document.get(name, "/"))) for name in ("type", "instance")):
        return f"type {document.get('type')!r} or instance {document.get('instance')!r} is no URI reference"
    pointers = [str(each.get("pointer")) for each in document.get("errors", ())]
    return "" if all(POINTER.fullmatch(each) for each in pointers) else f"errors {pointers} are no JSON pointers"
