"""No secret is in logs, queues, tables, events, errors, dead letters, arguments or environments of processes, or files of the platform."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from functions.auth.domain import one_time_codes
from knative.machine import keys, leftovers, mailbox
from knative.machine.home import CONTEXTS
from tests import sentinels
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof
from tests.sentinels import Sentinels

pytestmark = proof("secrets")

OF_APPLICATIONS = ("deploy.configure_application.secrets", "deploy.configure_environment.secrets")
"""Values that the owner gives to the application: its own processes and its Secret have them."""
LEFT_OUT = ("mail", "secrets", "knative", "images", "git", "kubeconfig")
"""E-mails have their link; `knative` has the Secrets of the API server and the volumes made of them."""
PROGRAM = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"here")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def planted() -> Sentinels:
    return Sentinels()


REFUSED = (400, 401, 403, 404, 409, 410, 422)


def use_everything(whole: Whole, planted: Sentinels) -> tuple[list[tuple[str, bytes]], str]:
    """Use every secret field, rightly and wrongly. Returns the answers, which must not repeat a secret, and the application's URL.

    `send`: sends and checks the status; 0 is any refusal.
    """
    answers: list[tuple[str, bytes]] = []

    def send(person: Person, method: str, path: str, body: Any, status: int, **headers: str) -> Any:
        response = person.send(method, path, body, **headers)
        assert response.status_code in (REFUSED if status == 0 else (status,)), (method, path, response.text)
        answers.append((f"answer {response.status_code} of {method} {path}", repr(response.headers).encode() + response.content))
        return response.json() if response.content else None

    ada = Person(whole, password=planted.plant("auth.register.password"))
    send(ada, "POST", "/v1/users", {"email": ada.email, "password": ada.password}, 202)
    token = planted.add("auth.verify_email.token", str(mailbox.find_token(ada.mail())))
    send(ada, "POST", "/v1/users/verify", {"token": token, "password": "short"}, 422)
    ada.password = planted.plant("auth.verify_email.password")
    send(ada, "POST", "/v1/users/verify", {"token": token, "password": ada.password}, 200)
    send(ada, "POST", "/v1/users/verify", {"token": token, "password": ada.password}, 410)
    send(ada, "POST", "/v1/sessions", {"email": ada.email, "password": planted.plant("a wrong password")}, 401)
    send(ada, "POST", "/v1/sessions", {"email": ada.email, "password": [planted.plant("a password in a list")]}, 422)
    planted.add("auth.login.password", ada.password)
    ada.sign_in()
    planted.add("auth.refresh.refresh_token", ada.session["refreshToken"])
    ada.session = ada.post("/v1/sessions/refresh", {"refreshToken": ada.session["refreshToken"]}, 200)
    planted.add("the next refresh token", ada.session["refreshToken"])
    planted.add("the access token", ada.session["accessToken"].rpartition(".")[2])
    change = {"currentPassword": ada.password, "password": planted.plant("auth.change_password.password")}
    planted.add("auth.change_password.current_password", ada.password)
    send(ada, "PUT", "/v1/users/me/password", change, 204)
    use_the_account(whole, ada, planted, send)
    ada.found("/v1/billing/customer")
    ada.found("/v1/quota")

    application = ada.create(whole.repository(f"s-{secrets.token_hex(3)}", {"app.py": PROGRAM, "Procfile": "web: python app.py"}).url)
    path = f"/v1/apps/{application['id']}"
    for where, purpose in zip(("/config", "/environments/staging/config"), OF_APPLICATIONS, strict=True):
        send(ada, "PATCH", path + where, {"secrets": {"KEY": planted.plant(purpose)}}, 202)
        send(ada, "PATCH", path + where, {"secrets": {"not a name": planted.plant(f"{purpose}, a bad name")}}, 422)
        send(ada, "PATCH", path + where, {"secrets": [planted.plant(f"{purpose}, a list")]}, 422)
        send(ada, "GET", path + where, None, 200)
    deployment = ada.deploy(application)
    assert deployment["status"] == "succeeded"
    send(ada, "PUT", f"{path}/deploy-key", {}, 200)
    send(ada, "POST", f"{path}/deploy-key/rotate", {}, 200)
    planted.add("a private key", "BEGIN OPENSSH PRIVATE KEY")
    send(ada, "PUT", f"{path}/repository-token", {"token": planted.plant("deploy.set_repository_token.token")}, 200)
    send(ada, "GET", f"{path}/repository-access", None, 200)
    url = planted.plant("deploy.add_external_data_service.url")
    send(ada, "POST", f"{path}/external-services", {"name": "cache", "url": f"redis://u:{url}@cache.example.com"}, 201)
    send(ada, "GET", f"{path}/services", None, 200)
    send(ada, "POST", f"{path}/environments/staging/domains", {"host": "s.example.org"}, 201)
    pair = {"certificate": "-----BEGIN CERTIFICATE-----", "key": planted.plant("deploy.set_domain_certificate.key")}
    send(ada, "PUT", f"{path}/domains/s.example.org/certificate", pair, 0)
    inspection = {"repository": application["repository"], "token": planted.plant("deploy.inspect_repository.token")}
    send(ada, "POST", "/v1/inspections", inspection, 202)
    ada.ended(ada.ask_to_deploy(application))
    channel = ada.post(f"{path}/alert-channels", {"url": "https://hooks.example.org/x"}, 201)
    planted.add("monitor.create_alert_channel: the secret of a webhook", channel["secret"])
    send(ada, "GET", f"{path}/alert-channels", None, 200)
    webhook = ada.post("/v1/webhooks", {"url": "https://hooks.example.org/x", "eventTypes": ["*"]}, 201)
    planted.add("monitor.create_webhook: the secret of a webhook", webhook["secret"])
    rotated = ada.post(f"/v1/webhooks/{webhook['id']}/secret-rotation", {}, 200)
    planted.add("monitor.rotate_webhook_secret: the new secret", rotated["secret"])
    send(ada, "GET", "/v1/webhooks", None, 200)
    return answers, str(deployment["url"])


def use_the_account(whole: Whole, ada: Person, planted: Sentinels, send: Callable[..., Any]) -> None:
    """API token, second factor, another address, a forgotten password, and refused proofs of identity. Ends with a new session."""
    ada.password = planted.values["auth.change_password.password"]
    token = planted.add("auth.exchange_token.token", ada.post("/v1/tokens", {"name": "ci", "scopes": ["read"]}, 201)["token"])
    send(ada, "GET", "/v1/users/me", None, 200, Authorization=f"Bearer {token}")
    wrong = {"password": planted.plant("auth.confirm_identity.password"), "code": planted.plant("auth.confirm_identity.code")}
    for answer in wrong.items():
        send(ada, "POST", "/v1/sessions/current/confirmation", dict([answer]), 0)
    send(ada, "POST", "/v1/users/me/deletion", {"password": planted.plant("auth.delete_account.password")}, 0)

    change = {"email": f"new-{ada.email}", "password": planted.add("auth.request_email_change.password", ada.password)}
    send(ada, "PUT", "/v1/users/me/email-change", change, 202)
    message = Person(whole, email=change["email"]).mail()
    confirmation = {"token": planted.add("auth.confirm_email_change.token", str(mailbox.find_token(message)))}
    send(ada, "POST", "/v1/email-changes/confirm", confirmation, 200)  # the other address has not confirmed: nothing changes
    send(ada, "DELETE", "/v1/users/me/email-change", None, 204)

    secret = planted.add("the secret of a second factor", ada.post("/v1/users/me/second-factor", {}, 201)["secret"])
    activation = "/v1/users/me/second-factor/activation"
    send(ada, "POST", activation, {"code": planted.plant("auth.enable_second_factor.code")}, 0)
    code = one_time_codes.code_at(secret, one_time_codes.step_of(datetime.now(UTC)))
    [recovery, *_] = ada.post(activation, {"code": code}, 200)["codes"]
    required = Person(whole).send("POST", "/v1/sessions", {"email": ada.email, "password": ada.password})
    assert required.status_code == 403, required.text
    challenge = planted.add("auth.login_second_factor.challenge", required.json()["challenge"])
    second = {"challenge": challenge, "code": planted.plant("auth.login_second_factor.code")}
    send(Person(whole), "POST", "/v1/sessions/second-factor", second, 0)
    ada.session = Person(whole).post("/v1/sessions/second-factor", {"challenge": challenge, "code": recovery}, 201)
    send(ada, "DELETE", "/v1/users/me/second-factor", None, 204)

    send(ada, "POST", "/v1/password-resets", {"email": ada.email}, 202)
    message = ada.mail(subject="Reset")
    ada.password = planted.plant("auth.reset_password.password")
    reset = {"token": planted.add("auth.reset_password.token", str(mailbox.find_token(message))), "password": ada.password}
    send(ada, "POST", "/v1/password-resets/complete", reset, 200)
    ada.sign_in()
    use_other_ways_in(whole, ada, planted, send)


def use_other_ways_in(whole: Whole, ada: Person, planted: Sentinels, send: Callable[..., Any]) -> None:
    """A device, an invitation, and refused passkeys and sign-ins of a provider."""
    begun = Person(whole).post("/v1/device-authorizations", {}, 200)
    redemption = {"deviceCode": planted.add("auth.redeem_device_code.device_code", begun["deviceCode"])}
    send(Person(whole), "POST", "/v1/device-authorizations/token", {"deviceCode": planted.plant("a wrong device code")}, 0)
    send(ada, "POST", "/v1/device-authorizations/decision", {"userCode": begun["userCode"], "isApproved": True}, 204)
    device = Person(whole).post("/v1/device-authorizations/token", redemption, 200)
    planted.add("the refresh token of a device", device["refreshToken"])

    grace, team = Person(whole).become_a_user(), ada.post("/v1/teams", {"name": "Engines"}, 201)
    send(ada, "POST", f"/v1/teams/{team['id']}/invitations", {"email": grace.email, "role": "viewer"}, 201)
    message = grace.mail(subject="Engines")
    invitation = {"token": planted.add("auth.accept_invitation.token", str(mailbox.find_token(message)))}
    send(ada, "POST", "/v1/invitations/acceptance", invitation, 0)
    send(grace, "POST", "/v1/invitations/acceptance", invitation, 200)

    send(Person(whole), "POST", "/v1/passkey-logins", {"challenge": planted.plant("auth.begin_passkey_login.challenge")}, 0)
    passkey = {"challengeId": str(uuid4()), "credential": "{}", "challenge": planted.plant("auth.login_with_passkey.challenge")}
    send(Person(whole), "POST", "/v1/passkey-logins/session", passkey, 0)
    response = {"provider": "github", "state": "of no sign-in", "token": planted.plant("auth.receive_authorization_response.token")}
    response["code"] = planted.plant("auth.receive_authorization_response.code")
    send(Person(whole), "POST", "/v1/provider-logins/response", response, 0)
    send(Person(whole), "POST", "/v1/provider-logins/session", {"token": planted.plant("auth.finish_provider_login.token")}, 0)
    send(ada, "POST", "/v1/users/me/identities", {"token": planted.plant("auth.finish_identity_link.token")}, 0)


def test_no_secret_is_where_it_must_not_be(own_whole: Whole, planted: Sentinels) -> None:
    whole = own_whole
    with sentinels.tap(keys.amqp_url(whole.home)) as messages:
        answers, url = use_everything(whole, planted)
        assert sentinels.secret_fields() <= set(planted.values), "plant a sentinel in every secret field"
        until(lambda: any("deployment." in place for place, _ in messages()), why="for events of the deployment")
        tapped = messages()
    assert planted.search(answers) == {}
    assert planted.search(tapped) == {}
    for context in CONTEXTS:
        assert planted.search(sentinels.tables(keys.migration_url(whole.home, context))) == {}, context

    until(lambda: whole.visit(url).status_code == 200, why="for the application")
    applications = sentinels.with_descendants(pid for name, pids in whole.pods().items() if not name.startswith("capsule/") for pid in pids)
    seen = planted.search(sentinels.processes(applications))
    assert set().union(*seen.values()) == {OF_APPLICATIONS[1]}, "the environment's value wins over the application's"
    assert planted.search(sentinels.processes(set(leftovers.find_leftovers(whole.home)) - applications)) == {}

    assert "auth.verify_email.token" in set().union(*planted.search(sentinels.files(whole.home.mail)).values()), "the search finds what is there"
    del planted.values["the access token"]  # it travels with a command, which RabbitMQ stores
    assert planted.search(sentinels.files(whole.home.path, lambda path: path.parent == whole.home.path and path.name in LEFT_OUT)) == {}

    for path in whole.home.secrets.iterdir():
        if path.suffix == ".password":
            planted.add(f"the operator's {path.name}", path.read_text().strip())
    assert planted.search(sentinels.files(whole.home.log)) == {}
