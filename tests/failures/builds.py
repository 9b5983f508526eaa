"""Commits whose build or release phase fails in one way each."""

import json

from tests.failures.commit import Commit, building, only

NOT_RECOGNIZED, UNSUPPORTED, BUILD_FAILED, RELEASE = ("not-recognized",), ("unsupported",), ("build-failed",), ("release-phase-failed",)
VERSION = ("version-unavailable",)
ALLOCATE = "x = [bytes([1]) * (1 << 20) for _ in range(4096)]"
MAIN = "package main\n\nfunc main() {}\n"
FLASK = "from flask import Flask\n\napp = Flask(__name__)\n"
GRADLE = "plugins { id 'application' }\n"
DEVELOPMENT = json.dumps({"scripts": {"start": "ts-node-dev src/index.ts"}})
PACKAGE = json.dumps({"scripts": {"start": "node app.js"}, "dependencies": {"left-pad": "1.3.0"}})
LOCK = json.dumps({"name": "app", "lockfileVersion": 3, "requires": True, "packages": {"": {"name": "app"}}})
OUT_OF_DATE = {"package.json": PACKAGE, "package-lock.json": LOCK, "app.js": ""}


def release(command: str) -> dict[str, str | None]:
    return {"Procfile": f"release: {command}\nweb: python app.py\n"}


PLAN = (
    Commit("Python without a start", {"Procfile": None, "app.py": None}, NOT_RECOGNIZED, "without a start command"),
    Commit("nothing is recognized", only({"README": "x"}), NOT_RECOGNIZED, "requirements.txt or pyproject.toml (Python)"),
    Commit("Rust", only({"Cargo.toml": "[package]\n", "src/main.rs": ""}), UNSUPPORTED, "This is Rust (Cargo.toml)"),
    Commit("Bun", only({"package.json": "{}", "bun.lock": "{}"}), UNSUPPORTED, "This is Bun (bun.lock)"),
    Commit("several applications", only({"web/package.json": "{}", "api/requirements.txt": ""}), NOT_RECOGNIZED, "set the base directory: api, web"),
    Commit("a base directory that is missing", {"capsule.toml": '[build]\ndirectory = "wbe"\n'}, NOT_RECOGNIZED, '"wbe"'),
    Commit("a Procfile without a command", {"Procfile": "web:\n"}, NOT_RECOGNIZED, "Procfile line 1 has no command after `web:`"),
    Commit("a capsule.toml that is not valid", {"capsule.toml": "[build\n"}, BUILD_FAILED, "capsule.toml is not valid TOML"),
    Commit("a package.json that is not valid", only({"package.json": "{"}), BUILD_FAILED, "package.json is not valid JSON"),
    Commit("Node.js without a start", only({"package.json": "{}"}), NOT_RECOGNIZED, "Add a script `start`"),
    Commit("a development server", only({"package.json": DEVELOPMENT, "src/index.ts": ""}), NOT_RECOGNIZED, "ts-node-dev, a development server"),
    Commit(
        "several programs of Go",
        only({"go.mod": "module x\n\ngo 1.19\n", "cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN}),
        NOT_RECOGNIZED,
        "several programs: cmd/a, cmd/b",
    ),
    Commit("Gradle without its wrapper", only({"build.gradle": GRADLE}), NOT_RECOGNIZED, "commit gradlew"),
    Commit("no list of packages", only({"main.py": FLASK}), NOT_RECOGNIZED, "main.py needs packages"),
)
INSTALL = (
    Commit("a dependency does not exist", {"requirements.txt": "no-such-package-of-capsule==99\n"}, BUILD_FAILED, "no-such-package"),
    Commit("a version of Python that does not exist", {".python-version": "3.99\n"}, VERSION, ".python-version asks for Python 3.99"),
    Commit("another implementation of Python", {".python-version": "pypy3.10\n"}, VERSION, "pypy3.10"),
    Commit("a lock file that is out of date", only(OUT_OF_DATE), BUILD_FAILED, "Missing: left-pad@1.3.0 from lock file"),
    Commit("the build command fails", building("echo no sources; exit 3"), BUILD_FAILED, "no sources"),
    Commit("the build needs too much memory", building(f'python3 -c "{ALLOCATE}"'), ("out-of-memory",), "memory"),
    Commit("the image is too large", building("head -c 1200000000 /dev/zero > big"), ("too-large",), "1024 MiB"),
)
DOCKERFILE = (
    Commit("COPY finds nothing", only({"Dockerfile": "FROM scratch\nCOPY nothing /x\n"}), BUILD_FAILED, "`COPY nothing /x` found nothing"),
    Commit("an instruction that does not exist", only({"Dockerfile": "FROM scratch\nRUNN x\n"}), BUILD_FAILED, "RUNN is not an instruction"),
    Commit("a Dockerfile without a command", only({"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}), BUILD_FAILED, "neither CMD nor ENTRYPOINT"),
    Commit("a base image that does not exist", only({"Dockerfile": "FROM registry.invalid/no/such:1\n"}), ("image-unavailable",), "registry.invalid"),
)
RELEASE_PHASE = (
    Commit("the release command fails", release("python -c \"raise SystemExit('no database')\""), RELEASE, "no database"),
    Commit("the release command does not exist", release("./migrate"), RELEASE, "migrate"),
    Commit(
        "the release command needs too much memory",
        release(f'python -c "{ALLOCATE}"'),
        (*RELEASE, "out-of-memory"),
        "memory",
    ),
)
BUILDS = (*PLAN, *INSTALL, *DOCKERFILE, *RELEASE_PHASE)
