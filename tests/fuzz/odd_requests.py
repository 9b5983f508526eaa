"""Requests with one odd part each: every route, every field, every header that the gateway reads.

The same seed gives the same requests in the same order.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_from_bytes

from functions.edge.gateway.routing import Route
from tests.access.inputs import valid_input
from tests.fuzz.client import Request

FINAL = frozenset({
    "auth.change_password", "auth.delete_account", "auth.logout", "auth.revoke_session", "auth.revoke_sessions", "auth.revoke_token",
    "auth.delete_team", "auth.enable_second_factor", "auth.leave_team", "auth.remove_member", "auth.remove_second_factor", "auth.revoke_invitation",
    "auth.suspend_user", "auth.transfer_team", "deploy.delete_application", "deploy.delete_environment", "deploy.rename_application",
    "monitor.delete_alert_channel", "monitor.delete_alert_rule", "monitor.delete_webhook",
})  # fmt: skip
"""A valid request would take the account or the objects from the requests that follow."""
LETTERS = [
    b"", b"\x00", b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", "\u202e\ufeff\U0001f600é".encode(), b" ", b"\n", b"'; SELECT 1; --", b"%", b"%%s{}",
    b"..", b"../../etc/passwd", b"a/b", b"a" * 3000, b"null", b"0", b"-1", b"1.5", b"1e400", b"NaN", b"Infinity", b"99999999999", b"9" * 400,
    b"-9223372036854775809", b"9223372036854775807", b"2147483648", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00",
    b"2026-13-45T99:99:99Z", b"1e308", b"00000000-0000-0000-0000-000000000000", b"ffffffff-ffff-ffff-ffff-ffffffffffff", b"\xd9\xa3",
    b'"', b'"a', b"-", b"a=", b"level!=", b"a.b.c=" + b"x" * 400, b"() OR (", b"\\", b"https://[::1", b"http://a@b:99999/", b"git@x:y", b"true",
]  # fmt: skip
"""Of a path or a query, not encoded."""
VALUES = [
    "null", "true", "0", "-1", "1.5", "1.0", "-0", "1e400", "-1e400", "1e-400", "99999999999", "2147483648", "-2147483649", "9223372036854775808",
    "9" * 400, '""', '" "', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\u202e\\ufeff"', '"' + "a" * 70_000 + '"', '"\\r\\n"',
    '"$(id)"', '"\'; --"', '"%s%n{}"', '"../../x"', '"a/b:c@d"', '"https://[::1/"', '"http://a@b:99999/"', '"HTTP://EXAMPLE.ORG/x"', '"xn--a"',
    '"ssh://-oProxyCommand=x/y"', '"0001-01-01T00:00:00+14:00"', '"99999999999"', "[]", "[null]", "[[[]]]", '["\\u0000"]', '["a","a"]', "{}",
    '{"":""}', '{"\\u0000":1}', '{"a":{"a":{"a":1}}}', '{"A":"\\u0000"}', '{"A":null}', '{"A":"' + "a" * 40_000 + '"}', '{"a/b~c":"x"}',
    "[" * 90 + "]" * 90, '{"__proto__":1}', "[" + "1," * 5000 + "1]", "NaN", "\x00", '"\\x"', "'a'", '{"A":"1","A":"2"}',
]  # fmt: skip
"""JSON, or almost, as it is sent."""
BODIES = [
    b"", b"null", b"1", b'"a"', b"[]", b"{", b"[" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b"\xef\xbb\xbf{}", b"\xff", b"{}{}", b'{"a":1,"a":2}',
    b'{"\xff":1}', b'{"\\ud800":1}', b"{" + b",".join(b'"k%d":1' % number for number in range(5000)) + b"}", b" " * 100_000 + b"{}",
]  # fmt: skip
HEADERS = [
    (b"Idempotency-Key:",), (b"Idempotency-Key: \xff\xff",), (b"Idempotency-Key: " + b"a" * 300,),
    (b"Idempotency-Key: 6d2b9f6e-6c52-4a3f-9d53-3c1f0f5f1c9e", b"Idempotency-Key: 7d2b9f6e-6c52-4a3f-9d53-3c1f0f5f1c9e"),
    (b"Authorization: Bearer \xff",), (b"Authorization:",), (b"Authorization: Basic YTpi",), (b"Authorization: Bearer a.b.c",),
    (b"Authorization: Bearer x", b"Authorization: Bearer y"),
    (b"Stripe-Signature: t=\xff,v1=\x80",), (b"Stripe-Signature: t=99999999999999999999,v1=a",),
    (b"Stripe-Signature: t=,v1=",), (b"Stripe-Signature:",),
    (b"Content-Type: application/json; charset=utf-16",), (b"Content-Type: \xff",), (b"Content-Type:",), (b"Content-Encoding: gzip",),
    (b"X-Request-Id: \xff\x01",), (b"X-Request-Id: 0123456789abcdef",), (b"Traceparent: 00-" + b"f" * 32 + b"-" + b"f" * 16 + b"-zz",),
    (b"Tracestate: \xff=\xff",), (b"If-None-Match: \xff, W/\"",), (b"Origin: \xff",), (b"X-Forwarded-For: \xff, ::1%1, 999.1.1.1",),
    (b"Last-Event-ID: \xff",), (b"Last-Event-ID: 99999999999999999999-x",), (b"Cache-Control: \xff, max-age=" + b"9" * 400,),
    (b"Accept-Language: \xff",), (b"X-Forwarded-Proto: \xff",), (b"X-Forwarded-Host: [",), (b"Forwarded: for=\xff",), 
    (b"If-Match: \xff",), (b"Prefer: \xff",),
    (b"Authorization: Bearer cpt_" + b"a" * 40,), (b"Authorization: Bearer cpt_\xff",),
    (b"User-Agent: " + b"\x80" * 3000,), (b"Expect: 100-continue",), (b"Connection: upgrade", b"Upgrade: websocket"), (b"Range: bytes=0-1",),
    (b"Accept: text/html;q=x",), (b"Cookie: " + b"a=b; " * 3000,), (b"Host: \xff", b"Host: b"),
]  # fmt: skip


def odd_requests(routes: tuple[Route, ...], ids: Mapping[str, Any], seed: int) -> Iterator[Request]:
    """Yield requests without end. `ids`: parameters of paths, of real objects."""
    chance = random.Random(seed)
    while True:
        for route in chance.sample(routes, len(routes)):
            yield _odd_request(route, ids, chance)


def _odd_request(route: Route, ids: Mapping[str, Any], chance: random.Random) -> Request:
    fields = valid_input(route, ids) if set(route.path_names) <= ids.keys() else {name: "x" for name in route.path_names}
    path_values = {name: str(fields.pop(name)) for name in route.path_names}
    places = ["header", *(["path"] * 2 if path_values else []), *(["field"] * 4 if route.rest else []), *(["body"] if route.takes_body else [])]
    place = "path" if route.name in FINAL and path_values else chance.choice(places)
    if place == "path":
        name = chance.choice(sorted(path_values))
        path_values[name] = quote_from_bytes(chance.choice(LETTERS), safe="") or "%20"
    target = re.sub(r"{(\w+)}", lambda match: path_values[match[1]], route.path).encode()
    headers = chance.choice(HEADERS) if place == "header" else ()
    if route.name in FINAL and not path_values and not route.takes_body:
        headers = (b"Authorization: Bearer a.b.c",)
    if not route.takes_body:
        return Request(route.method, target + _query(route, place, chance), headers)
    if route.raw is not None:
        return Request(route.method, target, headers, chance.choice(BODIES))
    if place == "body" or route.name in FINAL:
        return Request(route.method, target, headers, chance.choice(BODIES))
    parts = {name: json.dumps(value) for name, value in fields.items()}
    if place == "field":
        parts[chance.choice(sorted(route.rest))] = chance.choice(VALUES)
    document = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in parts.items()) + "}"
    return Request(route.method, target, headers, document.encode("utf-8", "surrogatepass"))


def _query(route: Route, place: str, chance: random.Random) -> bytes:
    if place != "field":
        return b""
    name, value = chance.choice(sorted(route.rest)), chance.choice(LETTERS)
    text = f"?{quote(name)}={quote_from_bytes(value, safe='')}"
    return (text + (f"&{quote(name)}=1" if chance.random() < 0.1 else "")).encode()
