"""What an inspection reports of a repository: the plan, the variables that it names, what is missing, within 4 KiB."""

import json
from pathlib import Path

import pytest

from knative.builder.inspection import fit, inspect
from knative.builder.outcome import MAX_MESSAGE_BYTES
from knative.builder.parameters import Parameters
from knative.builder.planning import Tree

APP_JSON = json.dumps(
    {
        "env": {
            "DATABASE_URL": {"description": "Address of PostgreSQL"},
            "LOG_LEVEL": "info",
            "SECRET_KEY": {"generator": "secret"},
            "SENTRY_DSN": {"required": False},
        }
    }
)
NODE = {"package.json": json.dumps({"scripts": {"start": "node server.js"}, "dependencies": {"ms": "2"}}), "server.js": ""}


def report(files: dict[str, str], tmp_path: Path, **settings: str) -> dict[str, object]:
    environment = {"CAPSULE_ROOT": str(tmp_path), "REPOSITORY": "https://example.org/x.git", "APPLICATION": "x", "IMAGE": "x", **settings}
    return inspect(Tree.of_files(files), Parameters.from_environment(environment))


def test_the_plan_names_language_versions_commands_and_variables(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "fastapi==0.121\nuvicorn==0.38\n",
        "main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
        ".python-version": "3.12\n",
        "Procfile": "web: uvicorn main:app\nrelease: python migrate.py\nworker: python worker.py\n",
        "app.json": APP_JSON,
        ".env.example": "# copy to .env\nexport DATABASE_URL=postgres://localhost/x\nMAIL_FROM='me@example.org'\nPORT=3000\n not a line\n",
    }
    plan = report(files, tmp_path)
    assert (plan["kind"], plan["start"], plan["release"]) == ("python", "uvicorn main:app", "python migrate.py")
    tool = plan["toolchains"][0]  # type: ignore[index]
    assert (tool["name"], tool["source"]) == ("python", ".python-version") and "3.12" in tool["version"]
    assert plan["processes"] == [{"name": "worker", "command": "python worker.py"}]
    assert plan["variables"] == [
        {"name": "DATABASE_URL", "source": "app.json", "example": "Address of PostgreSQL", "isRequired": True},
        {"name": "SECRET_KEY", "source": "app.json", "example": "", "isRequired": False},
        {"name": "SENTRY_DSN", "source": "app.json", "example": "", "isRequired": False},
        {"name": "MAIL_FROM", "source": ".env.example", "example": "me@example.org", "isRequired": False},
    ]


def test_missing_files_are_named(tmp_path: Path) -> None:
    gaps = report({**NODE, ".env": "TOKEN=secret"}, tmp_path)["gaps"]
    assert any("No lock file beside package.json" in each for each in gaps)  # type: ignore[attr-defined]
    assert any(".env file" in each for each in gaps)  # type: ignore[attr-defined]
    locked = report({**NODE, "package-lock.json": "{}"}, tmp_path)["gaps"]
    assert not any("lock file" in each for each in locked)  # type: ignore[attr-defined]
    workspace = {"package-lock.json": "{}", "package.json": "{}", **{f"api/{name}": text for name, text in NODE.items()}}
    assert not any("lock file" in each for each in report(workspace, tmp_path, BASE_DIRECTORY="api")["gaps"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("names", [0, 500])
def test_a_long_report_loses_entries_and_says_so(tmp_path: Path, names: int) -> None:
    example = "".join(f"VARIABLE_{number}={'ü' * 70}\n" for number in range(names))
    message = fit({"commit": "c" * 40, "plan": report({**NODE, ".env.example": example}, tmp_path)})
    assert len(message.encode()) <= MAX_MESSAGE_BYTES
    plan = json.loads(message)["plan"]
    assert plan["isShortened"] == (names > 0) and plan["start"] and bool(plan["variables"]) == (names > 0)
