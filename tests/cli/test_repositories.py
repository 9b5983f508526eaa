"""Addresses of repositories as people type them, names that derive from them, and what a clone has not published."""

import subprocess
from pathlib import Path

import pytest

from cli.git import Clone
from cli.repositories import application_name, command_of_page, expand_address, identity, image_name, without_credentials
from cli.unpublished import warnings

SHOP = "https://github.com/ada/shop"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada/shop", SHOP),
        ("github.com/ada/shop", SHOP),
        ("git.example.org:3000/ada/shop.git", "https://git.example.org:3000/ada/shop.git"),
        ("git@github.com:ada/shop.git", "git@github.com:ada/shop.git"),
        ("ssh://git@github.com/ada/shop", "ssh://git@github.com/ada/shop"),
        ("HTTPS://github.com/ada/shop", "HTTPS://github.com/ada/shop"),
        ("../shop", "../shop"),
        ("shop", "shop"),
    ],
)
def test_a_short_address_is_expanded(text: str, address: str) -> None:
    assert expand_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["ada/shop", f"{SHOP}.git", f"{SHOP}/", "git@github.com:ada/shop.git", "ssh://git@GitHub.com:22/ada/shop.git", "https://x:y@github.com/ada/shop"],
)
def test_addresses_of_one_repository_have_one_identity(text: str) -> None:
    assert identity(text) == "github.com/ada/shop"


def test_credentials_are_left_out_of_http_addresses_only() -> None:
    assert without_credentials("https://ada:token@git.example.org:3000/x.git") == "https://git.example.org:3000/x.git"
    assert without_credentials("ssh://git@git.example.org/x.git") == "ssh://git@git.example.org/x.git"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My_Shop", "my-shop"),
        ("git@github.com:ada/shop.git", "shop"),
        ("2048-game", "game"),
        ("…", ""),
        ("x" * 50, "x" * 40),
        (image_name("ghcr.io/ada/shop:1.4@sha256:00"), "shop"),
    ],
)
def test_a_name_derives_from_a_folder_an_address_or_an_image(text: str, name: str) -> None:
    assert application_name(text) == name


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a repository with a branch main, whose origin is named by its public address."""
    run(tmp_path, "init", "-q", "--bare", "-b", "main", "host.git")
    run(tmp_path, "init", "-q", "-b", "main", "clone")
    folder = tmp_path / "clone"
    (folder / "api").mkdir()
    (folder / "api/main.py").write_text("print(1)\n")
    run(folder, "config", f"url.{tmp_path}/host.git.insteadOf", f"{SHOP}.git")
    run(folder, "config", "user.email", "ada@example.org")
    run(folder, "config", "user.name", "Ada")
    run(folder, "add", ".")
    run(folder, "commit", "-qm", "First")
    run(folder, "remote", "add", "origin", str(tmp_path / "host.git"))
    run(folder, "push", "-q", "origin", "main")
    run(folder, "remote", "set-url", "origin", "git@github.com:ada/shop.git")
    return folder


def run(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def sentences(folder: Path, ref: str | None = None, **application: str) -> list[str]:
    return list(warnings({"repository": SHOP, "branch": None, **application}, ref, folder))


def test_a_published_clone_has_no_warnings(clone: Path) -> None:
    assert sentences(clone) == [] and sentences(clone / "api") == []
    found = Clone.find(clone / "api")
    assert found is not None and (found.prefix, found.origin, found.branch) == ("api", "git@github.com:ada/shop.git", "main")


def test_uncommitted_and_unpushed_changes_are_counted(clone: Path) -> None:
    (clone / "new.py").write_text("")
    (clone / "api/main.py").write_text("print(2)\n")
    run(clone, "commit", "-qam", "Second")
    assert sentences(clone / "api") == [
        "1 file with uncommitted changes: a deployment builds what origin has. Commit and push to include them.",
        "1 commit of main not pushed to origin. Include them: git push origin main",
    ]


def test_another_branch_than_the_deployed_one_is_named(clone: Path) -> None:
    run(clone, "checkout", "-qb", "fix")
    assert sentences(clone, branch="main") == ["This folder is on fix; the deployment builds main. Deploy this branch: capsule deploy --ref fix"]
    assert sentences(clone, ref="main") == []


def test_another_repository_has_no_warnings(clone: Path, tmp_path: Path) -> None:
    (clone / "new.py").write_text("")
    assert sentences(clone, repository="https://github.com/ada/other") == []
    assert sentences(tmp_path) == []


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("https://github.com/ada/shop/tree/main", "capsule apps create shop https://github.com/ada/shop --branch main"),
        (
            "https://github.com/ada/shop/tree/main/services/api/?tab=readme#x",
            "capsule apps create shop https://github.com/ada/shop --branch main --directory services/api",
        ),
        ("https://gitlab.com/team/sub/shop/-/tree/dev/web", "capsule apps create shop https://gitlab.com/team/sub/shop --branch dev --directory web"),
        ("https://github.com/gabriele/2048/tree/master", "capsule apps create NAME https://github.com/gabriele/2048 --branch master"),
        ("https://github.com/ada/shop", ""),
        ("https://github.com/ada/tree.git", ""),
        ("git@github.com:ada/shop.git", ""),
    ],
)
def test_a_page_of_a_repository_leads_to_the_command(address: str, command: str) -> None:
    assert command_of_page(address) == command
