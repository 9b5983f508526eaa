"""What visitors of a Service in maintenance get, over a real ingress, while its instances go on."""

import json
import time

import httpx
import pytest

from functions.wire.health_checks import HEADER, sign_health_check
from knative.local.serving.naming import MAINTENANCE, STOPPED, Maintenance, maintenance_of
from tests.knative.machine import Machine, service, until
from tests.knative.serving.one_pod import OK, answers, measuring_ingress
from tests.knative.serving.test_error_responses import FIREFOX

HIDDEN = {"networking.knative.dev/visibility": "cluster-local"}
KEY = "k" * 48


def annotation(message: str | None, seconds: int = 60) -> dict[str, str]:
    return {MAINTENANCE: json.dumps({"message": message, "retryAfterSeconds": seconds})}


@pytest.mark.parametrize("text", ["", "yes", "[]", "{}", '{"message": null}', '{"message": null, "retryAfterSeconds": "soon"}'])
def test_an_annotation_written_by_hand_is_a_general_page(text: str) -> None:
    assert maintenance_of({MAINTENANCE: text}) == Maintenance(None, 300)
    assert maintenance_of({}) is None and maintenance_of(None) is None


def test_visitors_get_the_page_at_the_same_address_until_it_is_removed(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace))
    ready = machine.ready(namespace, "sample")
    with machine.http(ready) as http:
        run = http.get("/").json()["run"]
        change = {"metadata": {"annotations": annotation("Back at <14:00>."), "labels": HIDDEN}}
        machine.patch(namespace, "sample", change)
        until(lambda: http.get("/").status_code == 503)
        page = http.get("/some/path", headers={"accept": FIREFOX, "x-request-id": "maintenance-1"})
        assert (page.status_code, page.headers["retry-after"], page.headers["content-type"]) == (503, "60", "text/html; charset=utf-8")
        assert "Under maintenance" in page.text and "Back at &lt;14:00&gt;." in page.text and "maintenance-1" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"] and page.headers["cache-control"] == "no-store"
        problem = http.post("/api", json={}, headers={"accept": "application/json"})
        assert (problem.status_code, problem.json()["reason"], problem.json()["detail"]) == (503, "maintenance", "Back at <14:00>.")
        head = http.head("/", headers={"accept": FIREFOX})
        assert head.status_code == 503 and head.content == b"" and head.headers["retry-after"] == "60"
        assert machine.ready(namespace, "sample")["status"]["url"] == ready["status"]["url"], "the address stays"

        machine.patch(namespace, "sample", {"metadata": {"annotations": {STOPPED: "true"}}})
        until(lambda: "is stopped" in http.get("/").text)
        removed = {"metadata": {"annotations": {STOPPED: None, MAINTENANCE: None}, "labels": dict.fromkeys(HIDDEN)}}
        machine.patch(namespace, "sample", removed)
        until(lambda: http.get("/").status_code == 200)
        assert run


async def test_the_platforms_health_check_passes_and_the_page_is_not_measured() -> None:
    pod = answers(OK)
    async with measuring_ingress(pod, KEY) as (port, routing), httpx.AsyncClient(trust_env=False) as client:
        routing.change(maintenance=Maintenance("Soon.", 5))
        url, host = f"http://127.0.0.1:{port}/", {"host": "shop.localhost"}
        assert (await client.get(url, headers=host)).status_code == 503
        assert pod.heads == [] and routing.measured == []
        signed = {HEADER: sign_health_check(KEY, "shop.localhost", "/", time.time())}
        assert (await client.get(url, headers=host | signed)).status_code == 200
        assert len(pod.heads) == 1 and routing.measured == []
