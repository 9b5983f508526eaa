"""The official parser (`@asyncapi/parser`) accepts the AsyncAPI document, part by part. Skipped without Node.js."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from filelock import FileLock

from tests.generated.kinds import PROJECT
from tests.proof import proof

pytestmark = proof("asyncapi")

PARSER = "@asyncapi/parser@3.6.3"
SCRIPT = """
const { Parser } = require('@asyncapi/parser');
const parser = new Parser();
async function parse(path) {
  const { document, diagnostics } = await parser.parse(require('fs').readFileSync(path, 'utf8'));
  const errors = diagnostics.filter((found) => found.severity <= 1);
  const wrong = errors.map((found) => ({ code: found.code, path: found.path.join('/'), message: found.message }));
  return { read: Boolean(document), wrong };
}
(async () => {
  const found = [];
  for (const path of process.argv.slice(1)) found.push(await parse(path));
  console.log(JSON.stringify({ read: found.every((each) => each.read), wrong: found.flatMap((each) => each.wrong) }));
})();
"""
ENTRIES_PER_PART = 35
PARSER_SECONDS = 600
"""For a parser that hangs: all parts take 40 s of CPU."""

Pointer = tuple[str, ...]
"""A JSON pointer (RFC 6901), decoded."""


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


def parse(parser: Path, documents: Sequence[Path]) -> dict[str, object]:
    result = subprocess.run(["node", "-e", SCRIPT, *map(str, documents)], cwd=parser, capture_output=True, text=True, timeout=PARSER_SECONDS)
    assert result.returncode == 0, result.stderr
    diagnosis: dict[str, object] = json.loads(result.stdout)
    return diagnosis


def parts_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Split a document: each operation, message of a channel and component is in one part at least, with all that it refers to.

    The parser resolves references first, so it validates each operation with its whole channel. That grows with the square of the number of messages:
    697 operations take more than 72 s of CPU, 70 take 5.2 s, 35 take 2.6 s, of which 2 s are its start.
    """
    parts, covered = [], set[Pointer]()
    for section in (
        [("operations", name) for name in document["operations"]],
        [("channels", name, "messages", key) for name, channel in document["channels"].items() for key in channel["messages"]],
        [("components", kind, name) for kind, named in document["components"].items() for name in named],
    ):
        entries = [entry for entry in section if entry not in covered]
        for start in range(0, len(entries), ENTRIES_PER_PART):
            chosen = with_references(document, entries[start : start + ENTRIES_PER_PART])
            covered |= chosen
            parts.append(part_of(document, chosen))
    return parts


def with_references(document: dict[str, Any], entries: Sequence[Pointer]) -> set[Pointer]:
    """Return these entries and those that they refer to, directly or not. Channels without their messages belong to every part."""
    found, waiting = set[Pointer](), [*entries, *references(without_messages(document))]
    while waiting:
        pointer = waiting.pop()
        if pointer not in found and not (len(pointer) == 2 and pointer[0] != "operations"):
            found.add(pointer)
            waiting += references(value_at(document, pointer))
    return found


def references(value: Any) -> Iterator[Pointer]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield tuple(unquote(step).replace("~1", "/").replace("~0", "~") for step in reference.removeprefix("#/").split("/"))
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def value_at(document: Any, pointer: Pointer) -> Any:
    for step in pointer:
        document = document[step]
    return document


def without_messages(document: dict[str, Any]) -> dict[str, Any]:
    return {name: {**channel, "messages": {}} for name, channel in document["channels"].items()}


def part_of(document: dict[str, Any], chosen: set[Pointer]) -> dict[str, Any]:
    part = {**document, "channels": without_messages(document), "operations": {}, "components": {}}
    for *folder, name in sorted(chosen):
        parent: dict[str, Any] = part
        for step in folder:
            parent = parent.setdefault(step, {})
        parent[name] = value_at(document, (*folder, name))
    return part


def test_the_official_parser_accepts_the_document(parser: Path, tmp_path: Path) -> None:
    paths = []
    for number, part in enumerate(parts_of(yaml.load((PROJECT / "schemas/asyncapi.yaml").read_text(), Loader=yaml.CSafeLoader))):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(json.dumps(part))
    assert len(paths) > 1
    diagnosis = parse(parser, paths)
    assert diagnosis["wrong"] == [] and diagnosis["read"]


def test_the_official_parser_rejects_an_invalid_document(parser: Path, tmp_path: Path) -> None:
    broken = tmp_path / "asyncapi.yaml"
    operation = {"action": "listen", "channel": {"$ref": "#/channels/nowhere"}}
    broken.write_text(json.dumps({"asyncapi": "3.0.0", "info": {"title": "x", "version": "1"}, "operations": {"a": operation}}))
    assert parse(parser, [broken])["wrong"] != []


def test_an_invalid_operation_is_rejected_in_its_part(parser: Path, tmp_path: Path) -> None:
    document = yaml.load((PROJECT / "schemas/asyncapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    (name, operation), *_ = document["operations"].items()
    document["operations"] = {name: {**operation, "action": "listen"}}
    broken = tmp_path / "part.json"
    broken.write_text(json.dumps(parts_of(document)[0]))
    assert parse(parser, [broken])["wrong"] != []
