"""What a checkout looks like to the providers: links, encodings, unreasonable inputs."""

import json
from pathlib import Path

import pytest

from knative.builder.failure import BuildFailure
from knative.builder.planning import Tree, locate_site, make_plan
from knative.builder.planning.python_packages import requirement_lines


def test_links_are_followed_within_the_repository_and_never_in_circles(tmp_path: Path) -> None:
    (tmp_path / "services/web").mkdir(parents=True)
    (tmp_path / "services/web/index.html").write_text("")
    (tmp_path / "app").symlink_to("services/web")
    (tmp_path / "services/web/again").symlink_to("../..")
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "gone").symlink_to("nowhere")
    tree = Tree.of_folder(tmp_path)
    assert tree.has("app/index.html") and tree.has("services/web/index.html")
    assert not any(path.startswith(("out", "gone")) for path in tree.paths)


def test_folders_that_all_link_to_each_other_are_walked_a_few_times(tmp_path: Path) -> None:
    for one in range(12):
        (tmp_path / f"{one}").mkdir()
        (tmp_path / f"{one}/file").write_text("")
        for other in range(12):
            if one != other:
                (tmp_path / f"{one}/to-{other}").symlink_to(f"../{other}")
    assert len(Tree.of_folder(tmp_path).paths) < 1000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_text_files_of_any_encoding_and_line_end(encoding: str) -> None:
    tree = Tree.of_files({"Procfile": "web: ./größe\r\nrelease: ./x\r".encode(encoding)})
    assert tree.text("Procfile") == "web: ./größe\nrelease: ./x\n"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[]", "", "nonsense"])
def test_a_package_json_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(BuildFailure, match=r"package\.json"):
        make_plan(Tree.of_files({"package.json": text}))


def test_requirements_that_include_each_other_end() -> None:
    tree = Tree.of_files({"requirements.txt": "-r other.txt\n" * 20 + "flask\n", "other.txt": "-r requirements.txt\n" * 20 + "gunicorn # server\n"})
    assert requirement_lines(tree, "requirements.txt") == ["flask", "gunicorn"]


def test_aliases_of_yaml_do_not_grow() -> None:
    levels = "\n".join(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 20))
    workspace = f"l0: &l0 [x]\n{levels}\npackages: *l19\n"
    files = {"package.json": json.dumps({"scripts": {"start": "node a.js"}}), "pnpm-workspace.yaml": workspace, "a.js": ""}
    assert make_plan(Tree.of_files(files)).start == "node a.js"


@pytest.mark.parametrize(
    ("files", "site", "folder"),
    [
        (["dist/index.html"], "dist:build", "dist"),
        (["build/index.html", "dist/x.js"], "dist:build", "build"),
        (["dist/shop/browser/index.html", "dist/shop/server/index.html"], "dist:dist/*/browser:dist/*", "dist/shop/browser"),
        (["index.html", "docs/index.html"], ".", "."),
    ],
)
def test_the_folder_of_a_built_site(files: list[str], site: str, folder: str) -> None:
    assert locate_site(Tree.of_files(dict.fromkeys(files, "")), site) == folder


def test_a_site_without_a_page_says_where_it_was_looked_for() -> None:
    with pytest.raises(BuildFailure, match=r"no index\.html in dist, build"):
        locate_site(Tree.of_files({"dist/main.js": ""}), "dist:build")
