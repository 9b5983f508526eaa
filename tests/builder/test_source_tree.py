"""Links and pointers in a checkout, without git."""

from pathlib import Path

import pytest

from knative.builder.failure import BuildFailure
from knative.builder.source_tree import LFS_POINTER, check_tree

MIB = 1 << 20


def tree(root: Path, files: dict[str, str], links: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, target in links.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    return root


def test_links_to_siblings_of_the_base_directory_become_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"apps/api/main.py": "1", "packages/shared/a.txt": "shared", "packages/other/b.txt": "other", "LICENSE": "MIT"}
    links = {
        "apps/api/shared": "../../packages/shared", "apps/api/LICENSE": "../../LICENSE", "packages/shared/other": "../other",
        "packages/other/back": "../shared", "packages/shared/own": "a.txt", "apps/api/up": "..",
    }  # fmt: skip
    check_tree(tree(tmp_path, files, links), "apps/api", MIB)
    folder = tmp_path / "apps/api"
    assert (folder / "shared/other/b.txt").read_text() == "other" and not (folder / "shared").is_symlink()
    assert (folder / "shared/own").is_symlink() and (folder / "shared/own").read_text() == "shared"
    assert not (folder / "shared/other/back").exists(), "a link to a folder that is being copied would never end"
    assert (folder / "LICENSE").read_text() == "MIT" and (folder / "up").is_symlink()
    assert "notice: link apps/api/up names a folder that contains it" in capsys.readouterr().out


def test_loops_are_named_and_links_to_later_files_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_tree(tree(tmp_path, {}, {"a": "b", "b": "a", "self": "self", "later": "dist/x.js"}), "", MIB)
    output = capsys.readouterr().out
    assert all(f"link {name} to" in output for name in ("a", "b", "self")) and "later" not in output


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "/nowhere/at/all"])
def test_a_link_out_of_the_repository_fails_with_its_target(tmp_path: Path, target: str) -> None:
    with pytest.raises(BuildFailure, match=f"Link docs/x points out of the repository, to {target}"):
        check_tree(tree(tmp_path / "repository", {}, {"docs/x": target}), "", MIB)


def test_pointers_of_git_lfs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pointer = LFS_POINTER.decode() + "oid sha256:0\nsize 1\n"
    check_tree(tree(tmp_path, {f"data/{number:02}.bin": pointer for number in range(12)} | {"notes.txt": "about " + pointer}, {}), "", MIB)
    output = capsys.readouterr().out
    assert "data/00.bin, data/01.bin" in output and output.rstrip().endswith("and 2 more") and "notes.txt" not in output


def test_copies_count_for_the_size_limit(tmp_path: Path) -> None:
    files = {"big/blob": "x" * 700_000, "app/main.py": ""}
    with pytest.raises(BuildFailure, match="1 MiB"):
        check_tree(tree(tmp_path, files, {"app/a": "../big"}), "app", MIB)


def test_scripts_with_the_line_ends_of_windows_become_runnable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = {
        "start.sh": b"cd app\r\nexec ./serve\r\n", "gradlew": b"\xef\xbb\xbf#!/bin/sh\r\nexec java\r\n", "manage.py": b"#!/usr/bin/env python\r\n",
        "notes.txt": b"#!/bin/sh\r\n", "Procfile": b"web: x\r\n", "good.sh": b"exec ./serve\n", "binary": b"#!\r\n\0",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "manage.py").chmod(0o755)
    check_tree(tmp_path, "", MIB)
    changed = {name: (tmp_path / name).read_bytes() for name, content in contents.items() if (tmp_path / name).read_bytes() != content}
    assert changed == {"start.sh": b"cd app\nexec ./serve\n", "gradlew": b"#!/bin/sh\nexec java\n", "manage.py": b"#!/usr/bin/env python\n"}
    assert "gradlew, manage.py, start.sh" in capsys.readouterr().out
