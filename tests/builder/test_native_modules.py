"""Native modules that pnpm or npm did not build are found, others are not."""

import json
from pathlib import Path

import pytest

from knative.builder.native_modules import explain_unbuilt


def write(place: Path, *files: str) -> None:
    for each in files:
        (place / each).parent.mkdir(parents=True, exist_ok=True)
        (place / each).touch()


def module(folder: Path, name: str, *files: str) -> None:
    write(folder / "node_modules/.pnpm" / f"{name.replace('/', '+')}@1.0.0" / "node_modules" / name, *files)


def test_only_modules_that_have_to_be_compiled_count(tmp_path: Path) -> None:
    module(tmp_path, "better-sqlite3", "binding.gyp")
    module(tmp_path, "@scope/native", "binding.gyp", "src/x.cc")
    module(tmp_path, "bcrypt", "binding.gyp", "prebuilds/linux-x64/bcrypt.node")
    module(tmp_path, "esbuild", "install.js")
    module(tmp_path, "approved", "binding.gyp")
    ignored = ["better-sqlite3@11.5.0", "@scope/native@1.0.0", "bcrypt@6.0.0", "esbuild@0.24.0"]
    (tmp_path / "node_modules/.modules.yaml").write_text(json.dumps({"ignoredBuilds": ignored, "layoutVersion": 5}, indent=2))
    problem = explain_unbuilt(tmp_path, "pnpm")
    assert problem.startswith("pnpm did not build the native module @scope/native and better-sqlite3,")
    assert '"onlyBuiltDependencies": ["@scope/native", "better-sqlite3"]' in problem


def test_a_folder_without_a_record_has_none(tmp_path: Path) -> None:
    assert explain_unbuilt(tmp_path, "pnpm") == explain_unbuilt(tmp_path, "npm") == ""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/.modules.yaml").write_text("ignoredBuilds:\n  - better-sqlite3@11.5.0\nlayoutVersion: 5\n")
    assert explain_unbuilt(tmp_path, "pnpm") == ""
    module(tmp_path, "better-sqlite3", "binding.gyp")
    assert "better-sqlite3" in explain_unbuilt(tmp_path, "pnpm")


def npm_record(folder: Path, **packages: object) -> None:
    (folder / "node_modules/.package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))


def test_npm_marks_what_has_an_install_script(tmp_path: Path) -> None:
    for name, files in {
        "node_modules/better-sqlite3": ["binding.gyp", "src/x.cc"],
        "node_modules/a/node_modules/@scope/native": ["binding.gyp"],
        "node_modules/bufferutil": ["binding.gyp", "prebuilds/linux-x64/bufferutil.node"],
        "node_modules/built": ["binding.gyp", "build/Release/built.node"],
        "node_modules/esbuild": ["install.js"],
        "node_modules/headers": ["binding.gyp"],
    }.items():
        write(tmp_path / name, *files)
    scripts = ("better-sqlite3", "a/node_modules/@scope/native", "bufferutil", "built", "esbuild", "gone")
    npm_record(tmp_path, **{f"node_modules/{name}": {"hasInstallScript": True} for name in scripts}, **{"node_modules/headers": {}, "x": "odd"})
    problem = explain_unbuilt(tmp_path, "npm")
    assert problem.startswith("npm did not build the native module @scope/native and better-sqlite3,")
    assert '"allowScripts": {"@scope/native": true, "better-sqlite3": true}' in problem


@pytest.mark.parametrize("record", ["", "[]", "{", '{"packages": []}', "[" * 100_000])
def test_an_odd_record_of_npm_is_none(tmp_path: Path, record: str) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/.package-lock.json").write_text(record)
    assert explain_unbuilt(tmp_path, "npm") == ""
