"""Three small applications of our own, and the bare build of each in its own folder: `uv sync`, `npm ci`, `go build`.

Each answers with a version and the value of the variable GREETING, so that an answer says which release and configuration it comes from.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Missing

BUILD_SECONDS = 600

PYPROJECT = """[project]
name = "greeting"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["flask>=3,<4", "waitress>=3,<4"]
"""
PYTHON = """import os
from flask import Flask
from waitress import serve

app = Flask(__name__)


@app.get("/")
def greet():
    return f"VERSION {os.environ.get('GREETING', '')};"


if __name__ == "__main__":
    serve(app, host="0.0.0.0", port=int(os.environ["PORT"]))
"""
PACKAGE = """{
  "name": "greeting", "version": "1.0.0", "private": true,
  "scripts": { "start": "node server.js" },
  "dependencies": { "express": "^4.21.2" }
}
"""
NODE = """const app = require('express')();
app.get('/', (request, response) => response.send(`VERSION ${process.env.GREETING || ''};`));
app.listen(process.env.PORT);
"""
MODULE = "module example.com/greeting\n\ngo 1.19\n"
GO = """package main

import (
\t"fmt"
\t"log"
\t"net/http"
\t"os"
)

func main() {
\thttp.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
\t\tfmt.Fprintf(response, "VERSION %s;", os.Getenv("GREETING"))
\t})
\tlog.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
"""


@dataclass(frozen=True, slots=True)
class Project:
    """`source`: the file whose VERSION changes from commit to commit. `lock`: the command that writes the lock file, once."""

    name: str
    source: str
    files: Mapping[str, str]
    build: tuple[str, ...]
    lock: tuple[str, ...] = ()
    lock_file: str = ""
    installed: tuple[str, ...] = ()
    """Folders that an earlier bare build left, removed before each: a build of Capsule begins without them, too."""

    def at(self, version: str) -> dict[str, str]:
        return {**self.files, self.source: self.files[self.source].replace("VERSION", version)}

    def write(self, folder: Path, version: str) -> None:
        for name, content in self.at(version).items():
            (folder / name).write_text(content)

    def lock_files(self, folder: Path) -> dict[str, str]:
        """Lock the dependencies in the folder; the files of the first commit. Raises: Missing."""
        self.write(folder, "v0")
        if self.lock:
            run(self.lock, folder)
        names = [*self.files, *([self.lock_file] if self.lock_file else [])]
        return {name: (folder / name).read_text() for name in names}

    def build_bare(self, folder: Path, version: str) -> None:
        """Build the version in the folder, with the user's caches. Raises: Missing."""
        self.write(folder, version)
        for name in self.installed:
            shutil.rmtree(folder / name, ignore_errors=True)
        run(self.build, folder)


PROJECTS = (
    Project(
        "uv sync", "main.py", {"pyproject.toml": PYPROJECT, "main.py": PYTHON}, ("uv", "sync", "--frozen"), ("uv", "lock"), "uv.lock", (".venv",)
    ),
    Project(
        "npm ci",
        "server.js",
        {"package.json": PACKAGE, "server.js": NODE},
        ("npm", "ci"),
        ("npm", "install", "--package-lock-only"),
        "package-lock.json",
        ("node_modules",),
    ),
    Project("go build", "main.go", {"go.mod": MODULE, "main.go": GO}, ("go", "build", "-o", "greeting", ".")),
)


def run(command: tuple[str, ...], folder: Path) -> None:
    """Raises: Missing, with the end of the output."""
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not installed")
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false", "VIRTUAL_ENV": ""}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if result.returncode != 0:
        raise Missing(f"{' '.join(command)} failed: {result.stderr[-500:]}")
