"""What a cold start imports. Half of it is imports, so each function has a budget of modules: a count does not depend on the machine.

A module that exceeds it is imported where it is needed (a factory of wiring.py, or inside a method), or the budget is raised with a reason.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_limit

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from functions.runtime.config.settings import Settings
from functions.runtime.serving import serve
from functions.runtime.serving.process import Process

process = Process(Settings())
process.compose()
app = serve.application(process)
serve.server_of(app, process).config.load()
print(json.dumps(sorted(sys.modules)))
"""
BUDGETS = {"auth.me": 850, "billing.current_bill": 790, "deploy.on_deployment_requested": 930, "monitor.logs": 810}
"""Modules when the process can serve. On Python 3.11: 808, 748, 902, 766; with functions-framework and eager adapters auth.me had 1262."""
NEVER = (
    *("flask", "werkzeug", "functions_framework", "cloudevents", "jinja2", "knative", "reportlab", "boto3", "rich", "pygments"),
    *("httpx", "aiohttp", "kubernetes", "stripe", "webauthn", "authlib", "joserfc", "acme", "dns", "yaml", "aiosmtplib"),
    *("functions.runtime.serving.queue_consumer", "functions.runtime.serving.preload", "functions.runtime.config.open_telemetry", "functions.edge"),
)
"""What none of these functions needs before its first message."""


@pytest.fixture(scope="module", params=BUDGETS)
def imported(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    context = request.param.partition(".")[0]
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join([str(PROJECT), *filter(None, sys.path)]),
        "CAPSULE_FUNCTION": request.param,
        "CAPSULE_AMQP_URL": "amqp://nobody:nothing@127.0.0.1:1/",
        "CAPSULE_ROOT": "/nonexistent",
        f"CAPSULE_{context.upper()}_DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/none",
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=wait_limit(60))
    assert done.returncode == 0, done.stderr
    return request.param, json.loads(done.stdout)


def test_a_function_imports_no_more_than_its_budget(imported: tuple[str, list[str]]) -> None:
    name, modules = imported
    assert len(modules) <= BUDGETS[name], f"{name} imports {len(modules)} modules, {BUDGETS[name]} are allowed"
    assert len(modules) > 0.8 * BUDGETS[name], f"{name} imports {len(modules)} modules only: lower its budget"


def test_a_function_imports_nothing_that_others_need(imported: tuple[str, list[str]]) -> None:
    name, modules = imported
    found = [each for each in modules if any(each == never or each.startswith(f"{never}.") for never in NEVER)]
    assert found == [], f"{name} imports what it does not need"


def test_the_image_has_bytecode_of_all_that_functions_import() -> None:
    """The root file system is read-only, and the base image has none of the standard library."""
    dockerfile = (PROJECT / "knative/image/Dockerfile").read_text()
    final = dockerfile[dockerfile.rindex("\nFROM ") :]
    version = re.search(r"FROM python:(3\.\d+)-slim", final)
    command = re.search(r"^RUN \S*python -m compileall (.*)$", final, re.MULTILINE)
    assert version and command and final.index("compileall") > max(final.rindex("COPY functions"), final.rindex("COPY --from=build"))
    assert command[1].split()[:5] == ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    assert command[1].split()[5:] == [f"/usr/local/lib/python{version[1]}", "/opt/capsule/lib", "functions", "events", "knative"]
    assert "PYTHONDONTWRITEBYTECODE" not in dockerfile


def test_that_bytecode_is_used_whatever_the_time_of_its_source(tmp_path: Path) -> None:
    """Layers of an image may change times, and `unchecked-hash` is what makes them irrelevant: the source is not even read."""
    (tmp_path / "answer.py").write_text("VALUE = 'compiled'\n")
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", str(tmp_path)]
    subprocess.run(command, check=True, timeout=wait_limit(60))
    (tmp_path / "answer.py").write_text("VALUE = 'source, later and longer'\n")
    read = subprocess.run([sys.executable, "-c", "import answer; print(answer.VALUE)"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert read.stdout == "compiled\n"
