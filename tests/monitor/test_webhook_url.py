"""URLs of webhooks: refused when they are added, in every form that could only fail later."""

import pytest

from functions.monitor.domain.rejections import InvalidWebhook
from functions.monitor.domain.webhook_url import WebhookPolicy

POLICY = WebhookPolicy(frozenset({"hooks.internal", "127.0.0.1:9000"}))


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        ("https://example.org/hook?a=b%20c", "https://example.org/hook?a=b%20c"),
        ("HTTPS://Example.ORG/Hook", "https://example.org/Hook"),
        ("http://example.org:8080", "http://example.org:8080"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://[2606:4700:4700::1111]:8443/a", "https://[2606:4700:4700::1111]:8443/a"),
        ("http://hooks.internal/x", "http://hooks.internal/x"),
        ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000/x"),
        ("https://a_b.example.org/", "https://a_b.example.org/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_a_url_is_admitted_as_it_is_called(url: str, admitted: str) -> None:
    assert POLICY.admit(url) == admitted
    assert POLICY.admit(admitted) == admitted


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://example.org/", "is not an http"),
        ("example.org", "is not an http"),
        ("https://", "is not an http"),
        ("https://example.org:0/", "is not an http"),
        ("https://example.org:99999/", "is not an http"),
        ("https://[::1/", "is not an http"),
        ("https://exa mple.org/", "is not an http"),
        ("https://example.org/" + "a" * 500, "is not an http"),
        ("https://user:word@example.org/", "remove user name"),
        ("https://example.org/#a", "remove user name"),
        ("https://" + "a" * 64 + ".org/", "is not a host name"),
        ("https://" + "a.b" * 100 + ".org/", "is not a host name"),
        ("https://a..b.org/", "is not a host name"),
        ("https://xn--ü.org/", "is not a host name"),
        ("https://xn--a.example.org/", "is not a host name"),
        ("https://hooks.xn--a.example.org/", "is not a host name"),
        ("https://xn--.example.org/", "is not a host name"),
        ("https://\u2488.org/", "is not a host name"),
        ("https://exa%mple.org/", "is not a host name"),
        ("http://127.0.0.1/", "private address"),
        ("http://127.0.0.1:9001/", "private address"),
        ("http://localhost:9000/", "private address"),
        ("http://[::ffff:10.0.0.1]/", "private address"),
        ("http://169.254.169.254/latest", "private address"),
        ("http://2130706433/", "private address"),
        ("http://\uff11\uff12\uff17.0.0.1/", "private address"),
        ("http://metadata/", "private address"),
    ],
)
def test_other_urls_are_refused(url: str, fault: str) -> None:
    with pytest.raises(InvalidWebhook) as rejection:
        POLICY.admit(url)
    assert fault in rejection.value.errors[0].detail
    assert rejection.value.errors[0].pointer == "/url"
