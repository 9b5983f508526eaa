"""Run schemathesis against the OpenAPI document of a running Capsule."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fuzz.odd_requests import FINAL

CHECKS = (
    *("not_a_server_error", "content_type_conformance", "status_code_conformance"),
    *("response_schema_conformance", "response_headers_conformance", "unsupported_method"),
)
REQUEST_TIMEOUT_SECONDS = 60


def run_schemathesis(url: str, token: str, ids: Mapping[str, Any], seconds: float, seed: int, *options: str) -> int:
    """Print failures as commands of curl. Returns the number of runs in which something failed.

    The sequences get half of the time: what comes before them would take all of it.
    """
    return sum(_run(url, token, ids, seconds / 2, seed, "--phases", phases, *options) != 0 for phases in ("examples,coverage,fuzzing", "stateful"))


def _run(url: str, token: str, ids: Mapping[str, Any], seconds: float, seed: int, *options: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "schemathesis.toml"
        settings.write_text(_settings(ids))
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings), "run", f"{url}/openapi.json"),
            *("--max-time", str(max(1, round(seconds))), "--seed", str(seed), "--request-timeout", str(REQUEST_TIMEOUT_SECONDS)),
            *("--checks", ",".join(CHECKS), "--continue-on-failure", "--warnings", "off", "--no-color"),
            *(each for name in sorted(FINAL) for each in ("--exclude-operation-id", name.replace(".", "_"))),
            *options,
        ]
        if token:
            command += ["--header", f"Authorization: Bearer {token}"]
        return subprocess.run(command, check=False, cwd=folder).returncode


def _settings(ids: Mapping[str, Any]) -> str:
    """A dependency may be down (503), or slow (504)."""
    lines = ["[checks]", 'not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]', "[parameters]"]
    return "\n".join([*lines, *(f'"{name}" = {json.dumps(value)}' for name, value in ids.items()), ""])
