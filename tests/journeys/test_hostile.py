"""An application and a build that look for the platform's secrets, and for those of another tenant: they find their own."""

import base64
import json
import re
import secrets
from pathlib import Path

import pytest
import yaml

from functions.deploy.domain import release_facts
from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from knative.machine import keys
from tests.journeys.loot import loot
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

pytestmark = [
    proof("tenant-isolation"),
    pytest.mark.skipif(detect() is Isolation.NONE, reason="neither root's namespaces nor bubblewrap work here"),
]

LOOT = Path(__file__).with_name("loot.py").read_text()
APP = """
import http.server, json, os, sys
from loot import loot
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = json.dumps({"environment": dict(os.environ), "loot": loot(HOME)}).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(said)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
BACKEND = """
import textwrap
from loot import loot
def build_wheel(*_):
    for line in textwrap.wrap(loot(HOME), 1500, replace_whitespace=True): print("LOOT", line, flush=True)
    print("LOOTED", flush=True)
    raise SystemExit(9)
"""
PROJECT = '[project]\nname = "x"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def with_home(source: str, home: Path) -> str:
    return f"HOME = {str(home)!r}\n{source}"


def secret_values(whole: Whole) -> set[str]:
    """Everything that an operator brought and nobody else may know."""
    found = {path.read_text() for path in whole.home.secrets.iterdir() if path.suffix == ".password"}
    for path in whole.home.secrets.glob("*.json"):
        found |= set(re.findall(r'"(?:d|private|key)": *"([^"]{20,})"', path.read_text()))
    found.add(yaml.safe_load(whole.home.kubeconfig.read_text())["users"][0]["user"]["token"])
    for secret in whole.cluster.find("v1", "Secret", "capsule"):
        values = [base64.b64decode(value).decode() for value in (secret.get("data") or {}).values()]
        found |= {value for value in values if "://" in value and "@" in value}
    return found


def test_the_loot_is_worth_it(whole: Whole) -> None:
    """Run by the platform's own user, the same code finds the secrets: so what it does not find elsewhere is closed."""
    whole.send("GET", "/v1/users/me")
    found, sought = loot(str(whole.home.path)), secret_values(whole)
    assert len(sought) > 10
    assert {value for value in sought if value in found} >= {value for value in sought if not value.startswith(("amqp", "postgres", "redis"))}
    assert keys.knative_amqp_url(whole.home) in found, "not even in the files of the one-machine Knative"


def test_an_application_and_a_build_find_no_secret(whole: Whole, ada: Person) -> None:
    neighbour = Person(whole).become_a_user()
    word = secrets.token_hex(16)
    theirs = neighbour.create(
        whole.repository(
            f"n-{word[:4]}", {"index.html": word, "Procfile": f"web: WORD={word} exec python3 -m http.server --bind 127.0.0.1 $PORT"}
        ).url
    )
    assert neighbour.deploy(theirs)["status"] == "succeeded"

    home = whole.home.path
    files = {"loot.py": LOOT, "main.py": with_home(APP, home), "requirements.txt": ""}
    repository = whole.repository(f"h-{word[:4]}", files)
    application = ada.create(repository.url)
    deployment = ada.deploy(application)
    assert deployment["status"] == "succeeded", deployment
    findings = whole.visit(deployment["url"]).json()
    assert "def loot" not in findings["environment"] and findings["environment"]["PORT"]
    ours = {name for name in findings["environment"] if name.startswith(("CAPSULE", "KUBE", "PG", "AMQP")) or "TOKEN" in name or "PASSWORD" in name}
    assert ours <= {"CAPSULE_BIND", *release_facts.NAMES}, ours
    demand_nothing(whole, findings["loot"], word)

    commit = repository.commit(
        {"pyproject.toml": PROJECT, "backend.py": with_home(BACKEND, home), "requirements.txt": None}, "Look around", branch="b"
    )
    failed = ada.deploy(application, commit)
    assert (failed["status"], failed["reason"]) == ("failed", "build-failed"), failed
    until(lambda: any("LOOTED" in line for line in ada.log(application, "build", failed)), why="for the build's last words")
    log = "\n".join(ada.log(application, "build", failed))
    assert "LOOT " in log and "PATH=" in log, "it found not even its own environment"
    demand_nothing(whole, log, word)


def demand_nothing(whole: Whole, found: str, word: str) -> None:
    sought = secret_values(whole)
    assert not [value[:12] + "…" for value in sought if value in found or json.dumps(value)[1:-1] in found]
    assert word not in found, "the neighbour's environment was read"
    assert "root:" not in found
