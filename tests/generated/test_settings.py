"""Every environment variable of Capsule is declared, read through its declaration, and on the settings page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.describe.settings import declared_names, page, sections
from functions.wire.settings import InvalidSetting, Setting, check, settings_of

ROOT = Path(__file__).parents[2]
FOLDERS = ("functions", "events", "knative", "cli")
NAME = re.compile(r"CAPSULE_[A-Z][A-Z0-9_]*[A-Z0-9](?![A-Z0-9_<{])")
APPLICATION_FACTS = {"CAPSULE_APP", "CAPSULE_ENVIRONMENT", "CAPSULE_RELEASE", "CAPSULE_COMMIT", "CAPSULE_URL"}
"""Given to applications (`functions.deploy.domain.release_facts`)."""
OF_OTHERS = {
    "CAPSULE_FOLDER",  # set and read by lighttpd's configuration of a PHP application
    "CAPSULE_COMPLETE",  # of typer, the library of the command
}
OF_CONFORMANCE = re.compile(r"CAPSULE_CONFORMANCE_\w+")
"""Variables of the conformance suite, a program of tests/."""


def _sources() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _is_declared(name: str, declared: set[str]) -> bool:
    patterns = (re.sub(r"<\w+>", "[A-Za-z0-9_]+", each) for each in declared)
    return name in APPLICATION_FACTS | OF_OTHERS or any(re.fullmatch(pattern, name) for pattern in patterns)


def test_every_name_in_code_and_documents_is_declared() -> None:
    declared, unknown = declared_names(), set()
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "knative").rglob("*.yaml"), ROOT / "Taskfile.yml", ROOT / "taskw"]
    for path in [*_sources(), *documents]:
        for name in NAME.findall(path.read_text()):
            if not _is_declared(name, declared) and not OF_CONFORMANCE.fullmatch(name):
                unknown.add(f"{path.relative_to(ROOT)}: {name}")
    assert not unknown, "declare these in a module variables.py"


def test_code_reads_variables_through_their_declarations_only() -> None:
    literal = []
    for path in _sources():
        text = path.read_text()
        if "CAPSULE_" not in text:  # most modules: parsing all takes seconds
            continue
        for node in ast.walk(ast.parse(text)):
            keys = [node.slice] if isinstance(node, ast.Subscript) else node.args[:1] if isinstance(node, ast.Call) else []
            for key in keys:
                is_name = isinstance(key, ast.Constant) and isinstance(key.value, str) and NAME.fullmatch(key.value)
                is_declaration = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Setting", "Variable")
                if is_name and not is_declaration:
                    literal.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not literal, "read these through a Setting"


def test_every_default_is_an_allowed_value() -> None:
    for setting in settings_of(sections()):
        if setting.default:
            setting.read({setting.name: setting.default})


def test_the_page_has_each_variable_once() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", page(), re.MULTILINE)
    assert len(rows) == len(set(rows)) and set(rows) == declared_names()


INVALID = {
    "CAPSULE_READY_SECONDS": ["0", "soon", "1.5", "99999", "-1", "12 s", "١٢"],
    "CAPSULE_OBSERVATION_SECONDS": ["-1", "3601", "ten"],
    "CAPSULE_GATEWAY_BODY_LIMIT": ["0", "1 MiB", "1e6"],
    "CAPSULE_GATEWAY_CONCURRENCY": ["0", "many"],
    "CAPSULE_GATEWAY_RATE_LIMITS": ["fast", "reads.user", "reads.planet=3/minute", "reads.user=10", "reads.user=0/minute", "reads.user=1/s;2/m"],
    "CAPSULE_GATEWAY_PLAN_FACTORS": ["pro", "pro=half", "pro=0", "=2", "pro=٢", "pro=1.5"],
    "CAPSULE_REDIS_URL": ["redis", "http://host:6379", "redis://", "redis://host:port", "redis+unix://", "LOCAL"],
    "CAPSULE_GATEWAY_RATE_LIMIT_FAILURE": ["on", "Open"],
    "CAPSULE_GATEWAY_CONTEXT_QUEUE": ["0", "64 requests"],
    "CAPSULE_GATEWAY_CIRCUIT_WINDOW_SECONDS": ["0", "-1", "inf", "30 s", "3601"],
    "CAPSULE_METRICS": ["yes", "OFF"],
    "CAPSULE_METRICS_TOKEN": ["short", "with spaces in it, and long"],
    "CAPSULE_BROKER_METRICS": ["yes"],
    "CAPSULE_GATEWAY_LOG_READS": ["true", "YES"],
    "CAPSULE_TRUSTED_PROXIES": ["10.0.0.0/33", "proxy.internal"],
    "CAPSULE_PREPARED_STATEMENTS": ["false", "0"],
    "CAPSULE_MAIL_URL": ["mail.example.org", "http://mail.example.org", "smtp://", "smtp://host:x", "maildir://"],
    "CAPSULE_MAIL_FROM": ["nobody", "a@b\r\nBcc: c@d"],
    "CAPSULE_PUBLIC_URL": ["capsule.example.org", "ftp://host", "http://"],
    "CAPSULE_AMQP_URL": ["rabbitmq:5672", "http://host", "amqp://host:port"],
    "CAPSULE_STRIPE_API_BASE": ["api.stripe.com"],
    "CAPSULE_INVOICE_VAT_PERCENT": ["19 %", "-1", "100", "nan", "1/3"],
    "CAPSULE_APPLICATION_URL": ["https://{app}.example.com", "https://{"],
    "CAPSULE_EGRESS_ALLOW": ["0.0.0.0/0", "127.0.0.1", "10.0.0.1/8"],
    "CAPSULE_HEALTH_CHECK_KEY": ["short"],
    "CAPSULE_PORT_OFFSET": ["-1", "70000", "x"],
    "CAPSULE_DOCKERFILE_BUILDS": ["no"],
    "CAPSULE_IMAGE_STORE_GIB": ["0", "-1", "20 GiB", "nan", "inf"],
    "CAPSULE_DISK_RESERVE_GIB": ["-1", "nan", "all"],
    "CAPSULE_LOG_LEVEL": ["verbose", "info"],
    "OTEL_EXPORTER_OTLP_ENDPOINT": ["127.0.0.1:4318", "grpc://collector:4317"],
    "OTEL_TRACES_SAMPLER": ["sometimes"],
    "OTEL_TRACES_SAMPLER_ARG": ["2", "10 %"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in INVALID.items() for text in texts])
def test_an_invalid_value_is_one_sentence_with_what_would_be_right(name: str, text: str) -> None:
    (setting, *_) = [each for each in settings_of(sections()) if each.name == name]
    with pytest.raises(InvalidSetting) as error:
        check([setting], {name: text})
    sentence = str(error.value)
    assert name in sentence and setting.form.description in sentence and "\n" not in sentence.replace(text, "")
    assert (f'"{text}"' in sentence) != setting.is_secret


def test_all_invalid_values_are_reported_together() -> None:
    bad = {"CAPSULE_READY_SECONDS": "soon", "CAPSULE_LOG_LEVEL": "loud"}
    known: dict[str, Setting[object]] = {each.name: each for each in settings_of(sections())}
    with pytest.raises(InvalidSetting) as error:
        check(known.values(), bad)
    assert len(str(error.value).splitlines()) == 2
