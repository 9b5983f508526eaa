"""Native modules that pnpm did not build are found, others are not."""

import json
from pathlib import Path

from knative.builder.native_modules import find_unbuilt


def module(folder: Path, name: str, *files: str) -> None:
    place = folder / "node_modules/.pnpm" / f"{name.replace('/', '+')}@1.0.0" / "node_modules" / name
    for each in files:
        (place / each).parent.mkdir(parents=True, exist_ok=True)
        (place / each).touch()


def test_only_modules_that_have_to_be_compiled_count(tmp_path: Path) -> None:
    module(tmp_path, "better-sqlite3", "binding.gyp")
    module(tmp_path, "@scope/native", "binding.gyp", "src/x.cc")
    module(tmp_path, "bcrypt", "binding.gyp", "prebuilds/linux-x64/bcrypt.node")
    module(tmp_path, "esbuild", "install.js")
    module(tmp_path, "approved", "binding.gyp")
    ignored = ["better-sqlite3@11.5.0", "@scope/native@1.0.0", "bcrypt@6.0.0", "esbuild@0.24.0"]
    (tmp_path / "node_modules/.modules.yaml").write_text(json.dumps({"ignoredBuilds": ignored, "layoutVersion": 5}, indent=2))
    assert find_unbuilt(tmp_path) == ["@scope/native", "better-sqlite3"]


def test_other_package_managers_have_no_record(tmp_path: Path) -> None:
    assert find_unbuilt(tmp_path) == []
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/.modules.yaml").write_text("ignoredBuilds:\n  - better-sqlite3@11.5.0\nlayoutVersion: 5\n")
    assert find_unbuilt(tmp_path) == []
    module(tmp_path, "better-sqlite3", "binding.gyp")
    assert find_unbuilt(tmp_path) == ["better-sqlite3"]
