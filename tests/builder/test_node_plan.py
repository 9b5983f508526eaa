"""Start commands of repositories with a package.json and no start script."""

import json
from pathlib import Path

import pytest

from knative.builder.node import make_plan


@pytest.mark.parametrize(
    ("package", "files", "command"),
    [
        ({"main": "index.js"}, ["index.js", "index.html"], ""),
        ({}, ["index.html"], ""),
        ({"main": "./index.js"}, ["index.js"], "node index.js"),
        ({}, ["server.js", "index.html"], "node server.js"),
        ({"main": "src/serve.js"}, ["src/serve.js", "index.html"], "node src/serve.js"),
        ({"scripts": {"start": "node bin/www"}}, ["index.html", "index.js"], "node bin/www"),
    ],
)
def test_an_index_page_is_served_unless_there_is_a_server(tmp_path: Path, package: dict[str, object], files: list[str], command: str) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"name": "x", "version": "1.0.0", **package}))
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert make_plan(tmp_path, None).command == command
