"""The main job, as a developer lives it: a visitor becomes a user, a git repository a URL, its requests a bill, and a broken commit no outage.

The tests of this file are chapters of one story: each goes on from what the fixtures before it have made.
"""

import secrets

import pytest

from knative.machine import repositories
from knative.machine.repositories import Repository
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until

REQUESTS = 20
EARLIER_REQUESTS = 1
"""The visit of the chapter before. Capsule's own check of the URL before `succeeded` and probes of instances do not count."""


@pytest.fixture(scope="module")
def repository(whole: Whole) -> Repository:
    return whole.repository(f"hello-{secrets.token_hex(3)}", repositories.sample("hello"))


@pytest.fixture(scope="module")
def application(ada: Person, repository: Repository) -> Json:
    return ada.create(repository.url)


@pytest.fixture(scope="module")
def first(ada: Person, application: Json) -> Json:
    """The first deployment, ended well."""
    deployment = ada.deploy(application)
    assert deployment["status"] == "succeeded", deployment
    return deployment


def test_a_visitor_becomes_a_user_by_a_mail(whole: Whole) -> None:
    visitor = Person(whole)
    visitor.register()
    refused = visitor.send("POST", "/v1/sessions", {"email": visitor.email, "password": visitor.password})
    assert refused.status_code == 403 and refused.json()["type"] == "/problems/email-not-verified", refused.text
    visitor.verify()
    visitor.sign_in()
    me = visitor.get("/v1/users/me")
    assert (me["email"], me["emailVerified"]) == (visitor.email, True)


def test_the_other_contexts_made_what_they_need_by_themselves(ada: Person) -> None:
    customer = ada.found("/v1/billing/customer")
    assert customer["plan"]["code"] == "free"
    quota = ada.found("/v1/quota")
    assert quota["applications"]["used"] <= quota["applications"]["limit"]


def test_a_repository_becomes_a_url(whole: Whole, ada: Person, repository: Repository, application: Json, first: Json) -> None:
    assert first["commit"] == repository.head
    assert first["release"] == 1
    assert first["url"] == f"http://{application['name']}-staging.localhost:{whole.home.ports.ingress}"
    assert whole.visit(first["url"]).text == "Hello from Capsule!\n"
    assert [step["step"] for step in first["steps"]] == ["requested", "building", "releasing", "observing"]


def test_the_build_can_be_followed(ada: Person, repository: Repository, application: Json, first: Json) -> None:
    lines = until(lambda: _ended(ada.log(application, "build", first)), why="for the build's log")
    assert lines[0].startswith(f"==> Cloning {repository.url}")
    assert any("waitress" in line for line in lines)


def test_what_it_logs_and_what_it_costs(whole: Whole, ada: Person, application: Json, first: Json) -> None:
    """The lines are the application's; the requests are those that were sent, neither more nor less."""
    before = _billed(ada, application)
    for number in range(REQUESTS):
        assert whole.visit(first["url"], f"/page/{number}").status_code == 200

    def logged() -> bool:
        lines = "\n".join(ada.log(application, "run"))
        return all(f'"/page/{number}"' in lines for number in range(REQUESTS))

    until(logged, why="for the lines of the application")
    until(lambda: _billed(ada, application) >= before + REQUESTS, 90, "for the metered requests", every=0.5)
    bill = ada.get("/v1/billing/current")
    assert bill["plan"]["code"] == "free" and bill["total"]["amount"] == 0, bill
    until(lambda: _billed(ada, application) == EARLIER_REQUESTS + REQUESTS, why="until the bill says the requests that came through the ingress")


def test_a_commit_that_cannot_build_is_no_outage(whole: Whole, ada: Person, repository: Repository, application: Json, first: Json) -> None:
    broken = repository.commit({"requirements.txt": "no-such-package-on-any-index==1.0\n"}, "Break the build", branch="broken")
    deployment = ada.deploy(application, broken)
    assert (deployment["status"], deployment["reason"], deployment["commit"]) == ("failed", "build-failed", broken), deployment
    assert "no-such-package-on-any-index" in deployment["detail"]
    assert deployment["release"] is None and deployment["url"] is None
    assert whole.visit(first["url"]).text == "Hello from Capsule!\n"


def test_the_next_release_takes_over(whole: Whole, ada: Person, repository: Repository, application: Json, first: Json) -> None:
    app = repositories.sample("hello")["app.py"].replace("Hello from Capsule!", "Hello again!")
    second = ada.deploy(application, repository.commit({"app.py": app}, "Say it again", branch="again"))
    assert (second["status"], second["release"], second["url"]) == ("succeeded", 2, first["url"]), second
    assert whole.visit(first["url"]).text == "Hello again!\n"
    listed = ada.get(f"/v1/apps/{application['id']}/deployments")
    assert second["id"] in str(listed) and first["id"] in str(listed)


def test_one_id_leads_from_the_request_to_the_functions(ada: Person, first: Json) -> None:
    path = f"/v1/timeline/{first['correlationId']}"

    def find_timeline() -> Json | None:
        found = ada.found(path)
        return found if {"deploy.deploy", "deploy.on_deployment_requested"} <= {entry["name"] for entry in found["entries"]} else None

    entries = (until(find_timeline, why="for the timeline") or {})["entries"]
    request = next(entry for entry in entries if entry["kind"] == "request")
    command = next(entry for entry in entries if entry["name"] == "deploy.deploy")
    effect = next(entry for entry in entries if entry["name"] == "deploy.on_deployment_requested")
    assert "deployment.requested" in command["emitted"]
    assert effect["causedBy"]["messageId"] == command["messageId"]
    assert request["depth"] < command["depth"] < effect["depth"]
    assert all(entry["durationMs"] > 0 for entry in (request, command, effect))


def test_kubectl_shows_the_services(whole: Whole, application: Json, first: Json) -> None:
    functions = whole.kubectl("get", "ksvc", "-n", "capsule")
    assert functions.splitlines()[0].split() == ["NAME", "URL", "LATESTCREATED", "LATESTREADY", "READY", "REASON"]
    assert any(line.split()[0] == "auth-register" and line.split()[-1] == "True" for line in functions.splitlines()[1:])
    ours = whole.kubectl("get", "ksvc", "-A", "-l", f"capsule.dev/application={application['id']}")
    assert first["url"] in ours


def test_what_is_deleted_is_gone(whole: Whole, ada: Person, application: Json, first: Json) -> None:
    """The last chapter."""
    assert whole.visit(first["url"]).status_code == 200
    assert ada.send("DELETE", f"/v1/apps/{application['id']}").status_code in (202, 204)
    until(lambda: whole.visit(first["url"]).status_code == 404, why="until its address is nobody's")
    assert ada.send("GET", f"/v1/apps/{application['id']}").status_code == 404
    assert all(not pods.startswith(f"app-{application['name']}/") for pods in whole.pods())


def _ended(lines: list[str]) -> list[str] | None:
    return lines if any(line.startswith("==> Built") for line in lines) else None


def _billed(ada: Person, application: Json) -> int:
    return sum(int(line["requests"]) for line in ada.get("/v1/billing/current")["lines"] if line["applicationId"] == application["id"])
