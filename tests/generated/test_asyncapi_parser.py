"""The AsyncAPI document is read by the official parser (`@asyncapi/parser`, Node.js), with its own rules. Skipped where there is no Node.js."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from tests.generated.kinds import PROJECT

PARSER = "@asyncapi/parser@3.6.3"
SCRIPT = """
const { Parser } = require('@asyncapi/parser');
new Parser().parse(require('fs').readFileSync(process.argv[1], 'utf8')).then(({ document, diagnostics }) => {
  const serious = diagnostics.filter((found) => found.severity <= 1);
  const wrong = serious.map((found) => ({ code: found.code, path: found.path.join('/'), message: found.message }));
  console.log(JSON.stringify({ read: Boolean(document), wrong }));
});
"""


@pytest.fixture(scope="module")
def parser() -> Path:
    """A folder in which Node.js finds the parser: installed once on this machine, outside of the project."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed")
    folder = Path(tempfile.gettempdir()) / f"capsule-{os.getuid()}-{PARSER.replace('/', '-').replace('@', '')}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            command = ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(folder), PARSER]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
            if done.returncode != 0:
                pytest.skip(f"npm could not install {PARSER}: {done.stderr.strip()[-300:]}")
            (folder / "installed").touch()
    return folder


def parsed(parser: Path, document: Path) -> dict[str, object]:
    done = subprocess.run(["node", "-e", SCRIPT, str(document)], cwd=parser, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_official_parser_reads_the_document_and_finds_nothing_wrong(parser: Path) -> None:
    found = parsed(parser, PROJECT / "schemas/asyncapi.yaml")
    assert found["wrong"] == [] and found["read"]


def test_and_it_finds_what_is_wrong(parser: Path, tmp_path: Path) -> None:
    broken = tmp_path / "asyncapi.yaml"
    operation = {"action": "listen", "channel": {"$ref": "#/channels/nowhere"}}
    broken.write_text(json.dumps({"asyncapi": "3.0.0", "info": {"title": "x", "version": "1"}, "operations": {"a": operation}}))
    assert parsed(parser, broken)["wrong"] != []
