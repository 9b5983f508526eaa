"""What is sent over HTTP: RFC 6901, 8594, 8785, 9651, 9745, the draft of rate limit fields, Standard Webhooks."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from functions.auth.domain import audit
from functions.edge.gateway.deprecation import header_fields
from functions.edge.gateway.rates.limiter import _policies
from functions.edge.gateway.rates.limits import Limit
from functions.edge.gateway.routing import Table
from functions.kernel import json_pointer
from functions.monitor.domain.notifications import signature
from functions.runtime.config.registry import Registry

POINTERS: list[tuple[list[str | int], str]] = [
    ([], ""),
    (["foo"], "/foo"),
    (["foo", 0], "/foo/0"),
    ([""], "/"),
    (["a/b"], "/a~1b"),
    (["c%d"], "/c%d"),
    (["e^f"], "/e^f"),
    (["g|h"], "/g|h"),
    (["i\\j"], "/i\\j"),
    (['k"l'], '/k"l'),
    ([" "], "/ "),
    (["m~n"], "/m~0n"),
]
"""RFC 6901, section 5."""
SF_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
SF_INTEGER = r"-?\d{1,15}"
SF_ITEM = rf"{SF_STRING}(?:; *[a-z*][a-z0-9_.*-]*={SF_INTEGER})*"
SF_LIST = re.compile(rf"{SF_ITEM}(?:[ \t]*,[ \t]*{SF_ITEM})*")
"""RFC 9651, section 3.1 and appendix C: strings with integer parameters."""
SF_DATE = re.compile(rf"@{SF_INTEGER}")
"""RFC 9651, section 3.3.7: the example there is @1659578233."""


@pytest.mark.parametrize(("path", "pointer"), POINTERS)
def test_a_json_pointer_is_that_of_rfc_6901(path: list[str | int], pointer: str) -> None:
    assert json_pointer(path) == pointer


def test_canonical_json_of_the_audit_log_is_that_of_rfc_8785() -> None:
    """Section 3.2.2, and the order of section 3.2.3."""
    text = audit._canonical(
        {
            "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
            "literals": [None, True, False],
        }
    )
    assert text == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = re.findall(r'"((?:[^"\\]|\\.)*)":0', audit._canonical(dict.fromkeys(names, 0)))
    assert ordered == ["\\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_a_webhook_is_signed_as_in_the_example_of_standard_webhooks() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, tests of the reference libraries."""
    secret, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signed = signature([secret], id, 1614265330, b'{"test": 2432232314}')  # type: ignore[arg-type]
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_rate_limit_policies_are_those_of_the_draft() -> None:
    """draft-ietf-httpapi-ratelimit-headers-10, section 3: `"burst";q=100;w=60,"daily";q=1000;w=86400`."""
    text = _policies((Limit("burst", 100, 60), Limit("daily", 1000, 86400)))
    assert text.replace(" ", "") == '"burst";q=100;w=60,"daily";q=1000;w=86400' and SF_LIST.fullmatch(text)


def test_deprecation_is_a_structured_date_and_sunset_an_http_date() -> None:
    """RFC 9745, section 2.1, and RFC 8594, section 3."""
    former = [route for route in Table(Registry.load().declarations).routes if route.former is not None]
    assert former
    for route in former:
        fields = header_fields(route, ["x"] * len(route.path_names))
        assert SF_DATE.fullmatch(fields["deprecation"])
        assert route.former is not None
        assert datetime.fromtimestamp(int(fields["deprecation"][1:]), UTC).date() == route.former.deprecated_on
        if "sunset" in fields:
            assert parsedate_to_datetime(fields["sunset"]).date() == route.former.sunset_on
            assert fields["sunset"].endswith(" GMT")


@pytest.mark.parametrize("text", ['"a";q=1,', '"a";Q=1', '"\u00e4";q=1', '"a"q=1', '"a";q=1234567890123456'])
def test_the_grammar_here_refuses_what_rfc_9651_refuses(text: str) -> None:
    assert not SF_LIST.fullmatch(text)
