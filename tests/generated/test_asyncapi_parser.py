"""The official parser (`@asyncapi/parser`) accepts the AsyncAPI document. Skipped without Node.js."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from tests.generated.kinds import PROJECT
from tests.proof import proof

pytestmark = proof("asyncapi")

PARSER = "@asyncapi/parser@3.6.3"
PARSER_SECONDS = 900
"""For a parser that hangs. It takes a minute of CPU for the document of 1.2 MB: minutes on a machine that has other work."""
SCRIPT = """
const { Parser } = require('@asyncapi/parser');
new Parser().parse(require('fs').readFileSync(process.argv[1], 'utf8')).then(({ document, diagnostics }) => {
  const errors = diagnostics.filter((found) => found.severity <= 1);
  const wrong = errors.map((found) => ({ code: found.code, path: found.path.join('/'), message: found.message }));
  console.log(JSON.stringify({ read: Boolean(document), wrong }));
});
"""


@pytest.fixture(scope="module")
def parser() -> Path:
    """A folder with the parser: installed once on this machine, outside of the project."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed")
    folder = Path(tempfile.gettempdir()) / f"capsule-{os.getuid()}-{PARSER.replace('/', '-').replace('@', '')}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            command = ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(folder), PARSER]
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
            if result.returncode != 0:
                pytest.skip(f"npm could not install {PARSER}: {result.stderr.strip()[-300:]}")
            (folder / "installed").touch()
    return folder


def parse(parser: Path, document: Path) -> dict[str, object]:
    result = subprocess.run(["node", "-e", SCRIPT, str(document)], cwd=parser, capture_output=True, text=True, timeout=PARSER_SECONDS)
    assert result.returncode == 0, result.stderr
    diagnosis: dict[str, object] = json.loads(result.stdout)
    return diagnosis


def test_the_official_parser_accepts_the_document(parser: Path) -> None:
    diagnosis = parse(parser, PROJECT / "schemas/asyncapi.yaml")
    assert diagnosis["wrong"] == [] and diagnosis["read"]


def test_the_official_parser_rejects_an_invalid_document(parser: Path, tmp_path: Path) -> None:
    broken = tmp_path / "asyncapi.yaml"
    operation = {"action": "listen", "channel": {"$ref": "#/channels/nowhere"}}
    broken.write_text(json.dumps({"asyncapi": "3.0.0", "info": {"title": "x", "version": "1"}, "operations": {"a": operation}}))
    assert parse(parser, broken)["wrong"] != []
