"""Inspections of repositories: one that runs, one with a plan, one that fails."""

import json
import re
from typing import Any
from uuid import UUID

from tests.dashboard.application import BrowserOfDeploy
from tests.dashboard.browser import REPOSITORY
from tests.deploy.deploy_capsule import COMMIT
from tests.deploy.test_inspections import place

PLAN: dict[str, Any] = {
    "kind": "python",
    "reason": "pyproject.toml, app/main.py",
    "directory": "services/api",
    "toolchains": [{"name": "python", "version": "==3.12.*", "source": ".python-version"}, {"name": "uv", "version": "", "source": ""}],
    "steps": [{"title": "Installing from uv.lock", "command": "uv sync --frozen --no-dev"}, {"title": "Building", "command": "npm run build"}],
    "start": "uvicorn app.main:app --host 0.0.0.0 --port $PORT",
    "release": "alembic upgrade head",
    "processes": [{"name": "worker", "command": "python -m app.worker"}],
    "health": "/healthz",
    "port": None,
    "dockerfile": "",
    "isSite": False,
    "notices": ["docker-compose.yml ignored; building as python", "Procfile: worker does not run"],
    "variables": [
        {"name": "DATABASE_URL", "source": "app.json", "example": "Address of PostgreSQL", "isRequired": True},
        {"name": "LOG_LEVEL", "source": ".env.example", "example": "info", "isRequired": False},
        {"name": "MAIL_FROM", "source": ".env.example", "example": "me@example.org", "isRequired": False},
    ],
    "gaps": ["No lock file beside package.json: each build may install other versions. Commit package-lock.json."],
    "isShortened": False,
}
FAILURE = (
    "Nothing that Capsule can build was found. Needed is a Procfile with a line `web: …`, requirements.txt or pyproject.toml (Python), package.json "
    "(Node.js) or a Dockerfile. Folders that look like applications: services/api, services/web."
)


async def furnish_inspections(ada: BrowserOfDeploy) -> dict[str, str]:
    """Returns the name and path of each page."""
    fields = {"name": "shop", "repository": REPOSITORY, "branch": "main", "directory": "services/api"}
    pages = {}
    for name, report, code in (("plan", {"commit": COMMIT, "plan": PLAN}, 0), ("no-plan", {"reason": "not-recognized", "detail": FAILURE}, 1)):
        path = pages[name] = (await ada.send("/new/inspections", **fields)).headers["location"]
        await ada.deploy.settle()
        await end(ada, path, report, code)
    return pages


async def end(ada: BrowserOfDeploy, path: str, report: object, code: int = 0) -> None:
    """Let the inspection of a page end."""
    found = re.search(r"[0-9a-f-]{36}", path)
    assert found is not None
    namespace, job = place(UUID(found[0]))
    ada.deploy.cluster.job_ended(namespace, job, json.dumps(report), code=code)
    await ada.deploy.update_object("Job", namespace, job)
