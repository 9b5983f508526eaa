"""`./taskw bench --deployments`: how long a user waits for a release, and what a build costs beyond the tools that it runs.

    cached push → first answer      POST …/deployments until the URL answers with the pushed version
    build beside the bare tool      the step `building` of that deployment, beside `uv sync`, `npm ci`, `go build` in the same folder
    configuration change, promote,  the request until the URL answers with the new value, or the release
    rollback → first answer
    instances                       cold start, memory, requests per second through the ingress; of all projects but the first, which has two
                                    environments

`--beside FOLDER` measures another checkout of Capsule in the same run, push after push, so that the machine's disturbances affect both alike.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from knative.machine import repositories
from knative.machine.demo.visits import address
from knative.machine.problems import Problem
from tests.bench import instances
from tests.bench.installations import Figures, Installation, Json, installations, log, report
from tests.bench.load import Missing
from tests.bench.projects import PROJECTS, Project
from tests.bench.systems import until

STAGING, PRODUCTION = "staging", "production"
DEPLOY_SECONDS = 900
POLL_SECONDS = 0.02
ENDED = ("succeeded", "failed", "rolled-back", "cancelled")


class Application:
    """One project, deployed on one installation."""

    def __init__(self, installation: Installation, project: Project, files: Json) -> None:
        self._installation = installation
        self._api, self._figures, self._project = installation.api, installation.figures, project
        self._in_production = self._before_promotion = ""
        self._name = project.name.replace(" ", "-")
        self.repository = repositories.create(installation.home, self._name, files)
        self._path = f"/v1/apps/{self._api.post('/v1/apps', {'name': self._name, 'repository': self.repository.url})['id']}"

    def push(self, version: str, title: str) -> None:
        """Commit, deploy, wait for the answer and for the end of the deployment."""
        source = self._project.source
        self.repository.commit({source: self._project.at(version)[source]}, version)
        accepted = self._request(title, lambda: self._api.post(f"{self._path}/deployments", {"environment": STAGING}), f"{version} ")
        deployment = self._wait_until_ended(accepted["id"])
        (build,) = (step for step in deployment["steps"] if step["step"] == "building")
        seconds = datetime.fromisoformat(build["finishedAt"]) - datetime.fromisoformat(build["startedAt"])
        self._figures.add(f"{title.partition(':')[0]}: build", seconds.total_seconds())

    def measure_instances(self) -> None:
        """Call it while staging alone has been deployed."""
        instances.measure(self._installation, self._name, httpx.URL(self._url(STAGING)).netloc.decode())

    def configure(self, value: str) -> None:
        path = f"{self._path}/environments/{STAGING}/config"

        def change() -> Json:
            return dict(self._api.patch(path, {"variables": {"GREETING": value}, "deploy": True})["deployments"][0])

        self._wait_until_ended(self._request("configuration change → first answer", change, f" {value};")["id"])

    def promote(self, version: str) -> None:
        self._before_promotion, self._in_production = self._in_production, version
        body = {"from": STAGING, "to": PRODUCTION}
        accepted = self._request("promote → first answer", lambda: self._api.post(f"{self._path}/promotions", body), f"{version} ", PRODUCTION)
        self._wait_until_ended(accepted["id"])

    def roll_back(self) -> None:
        """Return to what served before the last promotion; nothing after the first one."""
        if not self._before_promotion:
            return
        version = self._in_production = self._before_promotion
        path = f"{self._path}/environments/{PRODUCTION}/rollbacks"
        self._wait_until_ended(self._request("rollback → first answer", lambda: self._api.post(path, {}), f"{version} ", PRODUCTION)["id"])

    def _request(self, title: str, send: Any, text: str, environment: str = STAGING) -> Json:
        """Send the request; record the time until the environment's URL answers with the text."""
        started_at = time.monotonic()
        accepted: Json = send()
        url = ""
        with httpx.Client(timeout=60, trust_env=False) as client:
            deadline = started_at + DEPLOY_SECONDS
            while True:
                url = url or self._url(environment)
                if url and _answers(client, url, text):
                    break
                deployment = self._api.get(f"{self._path}/deployments/{accepted['id']}") if not url else None
                if deployment is not None and deployment["status"] in ENDED[1:]:
                    raise Missing(f"{title}: {deployment['status']}, {deployment['reason']}: {deployment['detail']}")
                if time.monotonic() > deadline:
                    raise Missing(f"{title}: {url or 'no URL'} did not answer with {text!r} within {DEPLOY_SECONDS} s")
                time.sleep(POLL_SECONDS)
        self._figures.add(title, time.monotonic() - started_at)
        return accepted

    def _url(self, environment: str) -> str:
        view = self._api.get(self._path)
        return next((each["url"] or "" for each in view["environments"] if each["name"] == environment), "")

    def _wait_until_ended(self, deployment_id: str) -> Json:
        path = f"{self._path}/deployments/{deployment_id}"
        ended: Json = until(lambda: view if (view := self._api.get(path))["status"] in ENDED else None, DEPLOY_SECONDS, "for a deployment to end")
        if ended["status"] != "succeeded":
            raise Missing(f"A deployment ended with {ended['status']}, {ended['reason']}: {ended['detail']}")
        return ended


def _answers(client: httpx.Client, url: str, text: str) -> bool:
    target, headers = address(url)
    try:
        return text in client.get(target, headers=headers).text
    except httpx.TransportError:
        return False


def measure(measured: Sequence[Installation], projects: Sequence[Project], rounds: int, folder: Path) -> Figures:
    """Fill the figures of each installation; return those of the bare tools."""
    bare = Figures()
    for project in projects:
        work = folder / project.name.replace(" ", "-")
        work.mkdir()
        files = project.lock_files(work)
        project.build_bare(work, "v0")  # fills the user's caches
        applications = [Application(installation, project, files) for installation in measured]
        for application in applications:
            application.push("version-0", f"{project.name}: first push")
        for number in range(1, rounds + 1):
            started_at = time.monotonic()
            project.build_bare(work, f"version-{number}")
            bare.add(f"{project.name}: build", time.monotonic() - started_at)
            for application in applications:
                application.push(f"version-{number}", f"{project.name}: cached push → first answer")
                if project is projects[0]:
                    application.configure(f"greeting-{number}")
                    application.promote(f"version-{number}")
                    application.roll_back()
                else:
                    application.measure_instances()
            log(f"{project.name}, round {number} of {rounds}")
    return bare


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench --deployments", description="Measure deployments.")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="rounds (default: 10)")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout of Capsule, measured in the same run")
    parser.add_argument("--only", nargs="+", default=[project.name for project in PROJECTS], metavar="NAME", help="uv sync, npm ci, go build")
    options = parser.parse_args(arguments)
    projects = [project for project in PROJECTS if project.name in options.only]
    try:
        with installations(options.beside) as measured:
            folder = measured[0].home.path / "bare"
            folder.mkdir()
            bare = measure(measured, projects, options.rounds, folder)
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    systems = [("bare tool", bare), *((each.name, each.figures) for each in measured)]
    print(f"\n{report(systems, 's', 'the bare tool')}")
    if len(projects) > 1:
        print(f"\n{report([(each.name, each.instance_figures) for each in measured], '')}")
    return 0
