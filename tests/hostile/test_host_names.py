"""No application gets a host name of the platform: the name is refused, or the application has another host."""

import httpx
import pytest

from tests.hostile.conftest import Findings
from tests.journeys.people import Person
from tests.journeys.whole import Whole

PLATFORM = ["stripe-stand-in", "edge-gateway", "dead-letters", "auth-register", "billing-subscribe", "deploy-deploy", "monitor-logs"]
"""Services of the platform whose names `<application>-<environment>` could form."""


def host_of(whole: Whole, name: str) -> str:
    return f"{name}.localhost:{whole.home.ports.ingress}"


def answer_at(whole: Whole, name: str) -> tuple[int, str, str]:
    found = whole.visit(f"http://{host_of(whole, name)}", "/")
    return found.status_code, found.headers.get("content-type", ""), found.headers.get("server", "")


@pytest.mark.parametrize("host", PLATFORM)
def test_an_application_and_environment_cannot_form_a_platform_host(whole: Whole, mallory: Person, host: str) -> None:
    """Creating the application or the environment is refused with a reason, or its host is not the platform's.

    Nothing is deployed: on a platform without this protection, that would take the host away from the platform.
    """
    application, _, environment = host.rpartition("-")
    created = mallory.send("POST", "/v1/apps", {"name": application, "repository": "https://example.com/x.git"})
    if created.status_code != 201:
        assert is_refusal(created), created.text
        return
    path = f"/v1/apps/{created.json()['id']}"
    try:
        added = mallory.send("POST", f"{path}/environments", {"name": environment})
        assert is_refusal(added), f"{host} can be taken: {added.text}"
    finally:
        mallory.send("DELETE", path)


def is_refusal(answer: httpx.Response) -> bool:
    """Return whether a response is a problem document (RFC 9457) about the name."""
    return answer.status_code in (400, 409, 422) and "name" in answer.text and answer.headers["content-type"].startswith("application/problem+json")


def test_a_platform_host_still_answers(whole: Whole, mallory: Person) -> None:
    """Also after an application with a similar name was created and deleted."""
    before = answer_at(whole, "stripe-stand-in")
    assert before[0] in (401, 404), "the stand-in for the payment provider asks for a key, or has no public host at all"
    created = mallory.send("POST", "/v1/apps", {"name": "stripe-stand", "repository": "https://example.com/x.git"})
    if created.status_code == 201:
        assert mallory.send("DELETE", f"/v1/apps/{created.json()['id']}").status_code == 202
    assert answer_at(whole, "stripe-stand-in") == before


def test_headers_cannot_select_another_host(platform: Whole, findings: Findings) -> None:
    """Only Host counts (RFC 9110, section 7.2): no proxy header and no malformed name leads to the payment provider (401)."""
    own, provider = httpx.URL(findings.url).netloc.decode(), host_of(platform, "stripe-stand-in")
    target = f"http://127.0.0.1:{platform.home.ports.ingress}/"
    for header in ("X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Host"):
        value = f"host={provider}" if header == "Forwarded" else provider
        assert httpx.get(target, headers={"Host": own, header: value}, trust_env=False).json()["attacker"] is True, header
    for host in (f"{own}@{provider}", f"{own}, {provider}", f"{own}#{provider}", f"x.{own}", ""):
        answer = httpx.get(target, headers={"Host": host}, trust_env=False)
        assert answer.status_code in (400, 404, 421) or answer.json()["attacker"] is True, (host, answer.text)
