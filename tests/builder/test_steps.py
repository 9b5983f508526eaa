"""Steps of a plan: their variables and programs, what the log hides, and how a failure is explained."""

import time
from pathlib import Path

import pytest

from knative.builder.execution import Limits, Shell, masked_values
from knative.builder.failure import BuildFailure
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.python_django import MISSING_SETTINGS
from knative.builder.steps import Steps
from knative.builder.toolchains import Installation, InstalledToolchains
from knative.builder.variables import BuildVariables, read_variables

SECRETS = {"TOKEN": "s3cr3t-value", "KEY": "first line\nsecond line", "SHORT": "no"}


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    root, programs = tmp_path / "root", tmp_path / "programs"
    for folder in (root / "web", programs):
        folder.mkdir(parents=True)
    (programs / "greet").write_text("#!/bin/sh\necho hello from $PWD\n")
    (programs / "greet").chmod(0o755)
    shell = Shell({"MIRROR": "operator"}, tmp_path / "home", secrets=masked_values(SECRETS))
    installed = InstalledToolchains((Installation("node", "20.0.0", programs, variables={"FOUND": "yes"}),))
    variables = BuildVariables({"COLOR": "blue", "MODE": "user", "PATH": "/nowhere"}, SECRETS)
    return Steps(shell, root, root / "web", tmp_path / "cache", Limits(time.monotonic() + 60, root, 1 << 20), installed, variables)


def plan(*steps: Step) -> Plan:
    return Plan("node", "a test", (Toolchain("node"),), steps, "node server.js")


def test_a_step_sees_its_programs_and_every_variable(steps: Steps, capfd: pytest.CaptureFixture[str]) -> None:
    line = 'greet; echo "$COLOR $MODE $MIRROR $FOUND $npm_config_cache"; test "$TOKEN" = s3cr3t-value'
    steps.run(plan(Step("Greeting", ("greet",), directory="web"), Step("Printing", ("sh", "-c", line), {"MODE": "step"})))
    log = capfd.readouterr().out
    assert f"hello from {steps.root}/web" in log and "==> Greeting" in log
    assert f"blue step operator yes {steps.cache}/npm" in log


def test_secrets_are_not_in_the_log_nor_in_the_failure(steps: Steps, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BuildFailure) as failed:
        steps.run(plan(Step("Building", ("sh", "-c", 'echo "error: $TOKEN"; echo "error: $KEY"; echo "error: $SHORT"; exit 3'))))
    text = capfd.readouterr().out + failed.value.output + failed.value.detail
    assert not any(part in text for part in ("s3cr3t", "first line", "second line"))
    assert "error: ***" in text and "error: no" in text, "a short value would hide words that are no secret"
    assert failed.value.detail == "Building failed with exit code 3."


@pytest.mark.parametrize(
    ("line", "reason", "words"),
    [
        ("kill -9 $$", "out-of-memory", "Building ran out of memory"),
        ("echo 'JavaScript heap out of memory'; exit 134", "out-of-memory", "Building ran out of memory"),
        ("kill -15 $$", "build-failed", "Building was ended by signal 15"),
        ("exit 2", "build-failed", "Building failed with exit code 2"),
    ],
)
def test_how_a_failure_is_explained(steps: Steps, line: str, reason: str, words: str) -> None:
    with pytest.raises(BuildFailure) as failed:
        steps.run(plan(Step("Building", ("sh", "-c", line))))
    assert failed.value.reason == reason and failed.value.detail.startswith(words)


SETTING = "django.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY environment variable"


@pytest.mark.parametrize("line", [SETTING, "KeyError: 'SECRET_KEY'", "decouple.UndefinedValueError: SECRET_KEY not found. Declare it as envvar"])
def test_static_files_that_need_a_setting_are_a_notice(steps: Steps, capfd: pytest.CaptureFixture[str], line: str) -> None:
    fails = Step("Collecting static files", ("sh", "-c", 'echo "$LINE"; exit 1'), {"LINE": line}, tolerated=MISSING_SETTINGS)
    steps.run(plan(fails, Step("Next", ("echo", "next"))))
    log = capfd.readouterr().out
    assert f"notice: Collecting static files did not finish: {line}" in log and "==> Next" in log


@pytest.mark.parametrize("line", ["KeyError: 'name'", "SyntaxError: invalid syntax", "ModuleNotFoundError: No module named 'storages'"])
def test_static_files_that_fail_otherwise_fail_the_build(steps: Steps, line: str) -> None:
    with pytest.raises(BuildFailure) as failed:
        steps.run(plan(Step("Collecting", ("sh", "-c", 'echo "$LINE"; exit 1'), {"LINE": line}, tolerated=MISSING_SETTINGS)))
    assert line in failed.value.output


@pytest.mark.parametrize(("constraint", "is_advised"), [("", True), ("3.9", False)])
def test_a_package_that_does_not_compile_with_an_unchosen_python(steps: Steps, constraint: str, is_advised: bool) -> None:
    installer = steps.toolchains.installations[0].programs
    assert installer is not None
    (installer / "uv").write_text("#!/bin/sh\necho '  × Failed to build `greenlet==0.4.13`'\nexit 1\n")
    (installer / "uv").chmod(0o755)
    python = Plan("python", "a test", (Toolchain("python", constraint),), (Step("Installing", ("uv", "pip", "install")),), "python app.py")
    with pytest.raises(BuildFailure) as failed:
        steps.run(python)
    assert (".python-version" in failed.value.detail) is is_advised
    assert "Failed to build `greenlet==0.4.13`" in failed.value.output


def test_a_missing_program_is_named(steps: Steps) -> None:
    with pytest.raises(BuildFailure) as failed:
        steps.run(plan(Step("Building", ("no-such-program",))))
    assert "no-such-program is not installed on this machine" in failed.value.detail


def test_variables_are_files(tmp_path: Path) -> None:
    for name, text in {"variables/A": "1", "secrets/B": "two\nlines\n", "variables/..data/A": "hidden"}.items():
        path = tmp_path / "run/capsule/build" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert read_variables(tmp_path).values == {"A": "1", "B": "two\nlines\n"}
    assert read_variables(tmp_path / "none").values == {}
