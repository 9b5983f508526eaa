"""Repositories in every shape that git allows are cloned, or the message names what cannot work."""

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.builder.conftest import Outcome
from tests.builder.repositories import Repositories, Repository, git
from tests.proof import proof

pytestmark = proof("sources")
Clone = Callable[..., Outcome]
PULL_REQUESTS = 10_000


def assert_cloned(outcome: Outcome, commit: str) -> None:
    assert outcome.code == 0, outcome.log
    assert outcome.message["commit"] == commit


def add_submodule(outer: Repository, path: str, url: str, commit: str) -> str:
    """Record a submodule as `git submodule add` does, without fetching it."""
    (outer.work / ".gitmodules").write_text(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    git(outer.work, "add", ".gitmodules")
    git(outer.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    git(outer.work, "commit", "-q", "-m", "with a submodule")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    return git(outer.work, "rev-parse", "HEAD")


def test_ten_thousand_pull_requests_hide_no_ref(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("popular")
    tagged = repository.commit({"index.html": "1"}, tag="v1")
    newest = repository.commit({"index.html": "2"})
    lines = [f"{tagged} refs/pull/{number}/head" for number in range(PULL_REQUESTS)]
    packed = git(repository.bare, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    by_name = sorted(packed + lines, key=lambda line: line[41:])
    (repository.bare / "packed-refs").write_text("\n".join(["# pack-refs with: sorted", *by_name, ""]))
    assert_cloned(clone(repository.url), newest)
    assert_cloned(clone(repository.url, "v1"), tagged)
    assert_cloned(clone(repository.url, "refs/pull/7/head"), tagged)
    missing = clone(repository.url, "nothing")
    assert missing.message["reason"] == "ref-not-found" and "Existing branches: main." in missing.message["detail"]


@pytest.mark.parametrize("ref", ["feature/#12-naïve", "release(2)", "a$HOME", "日本語", "it's", "-dash", "deadbeef", "x" * 200, "semi;colon&more"])
def test_every_legal_name_of_a_branch(repositories: Repositories, clone: Clone, ref: str) -> None:
    repository = repositories.create("names")
    repository.commit({"index.html": "1"})
    commit = repository.commit({"index.html": "2"}, branch="other")
    git(repository.bare, "update-ref", f"refs/heads/{ref}", commit)
    git(repository.bare, "update-ref", "-d", "refs/heads/other")
    assert_cloned(clone(repository.url, ref), commit)


def test_commit_ids_in_every_form(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("ids")
    first = repository.commit({"index.html": "1"})
    only_tagged = repository.commit({"index.html": "2"}, branch="gone", tag="v1")
    only_proposed = repository.commit({"index.html": "3"}, branch="gone")
    git(repository.bare, "update-ref", "refs/pull/1/head", only_proposed)
    git(repository.bare, "update-ref", "-d", "refs/heads/gone")
    git(repository.work, "checkout", "-q", "main")
    repository.commit({"index.html": "4"})
    for ref, commit in [(first.upper(), first), (first[:10].upper(), first), (only_tagged, only_tagged), (only_tagged[:8], only_tagged)]:
        assert_cloned(clone(repository.url, ref), commit)
    for ref in (only_proposed, only_proposed[:8], "pull/1/head"):
        assert_cloned(clone(repository.url, ref), only_proposed)


def test_an_ambiguous_abbreviation_asks_for_more_digits(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("many")
    repository.commit({"index.html": "1"})
    stream = "".join(
        f"commit refs/heads/main\nmark :{n}\ncommitter t <t@example.com> {1_700_000_000 + n} +0000\ndata 1\n{n % 10}\n"
        + (f"from :{n - 1}\n" if n > 1 else "")
        + "\n"
        for n in range(1, 1500)
    )
    subprocess.run(["git", "fast-import", "--quiet", "--force"], cwd=repository.bare, input=stream, text=True, check=True)
    ids = git(repository.bare, "rev-list", "main").split()
    prefix = next(each[:4] for each in ids if sum(other.startswith(each[:4]) for other in ids) > 1)
    outcome = clone(repository.url, prefix)
    assert outcome.message["reason"] == "ref-not-found" and "Use more digits" in outcome.message["detail"], outcome.message


def test_the_object_format_sha256(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("sha256", object_format="sha256")
    first = repository.commit({"index.html": "1"}, tag="v1")
    second = repository.commit({"index.html": "2"})
    assert len(second) == 64
    for ref, commit in [("", second), ("v1", first), (first, first), (first[:9], first)]:
        assert_cloned(clone(repository.url, ref), commit)


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        (b"", b""),
        (b"no line end", b""),
        ("r\xe9sum\xe9\n".encode("latin-1"), b"encoding ISO-8859-1\n"),
        (b"\xff\xfe not text\n", b""),
        (b"two\rparts\n\x1b[31mred\n", b""),
    ],
)
def test_metadata_that_git_allows(repositories: Repositories, clone: Clone, message: bytes, headers: bytes) -> None:
    repository = repositories.create("metadata")
    repository.commit({"index.html": "1"})
    tree = git(repository.bare, "rev-parse", "main^{tree}")
    author = b"J\xfcrgen <j@example.com> 1700000000 +0000"
    content = b"tree %s\nauthor %s\ncommitter %s\n%s\n%s" % (tree.encode(), author, author, headers, message)
    command = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
    commit = subprocess.run(command, cwd=repository.bare, input=content, capture_output=True, check=True).stdout.decode().strip()
    git(repository.bare, "update-ref", "refs/heads/main", commit)
    outcome = clone(repository.url)
    assert_cloned(outcome, commit)
    assert "\x1b" not in outcome.log


@pytest.mark.parametrize("text", ["", "# nothing\n", '[submodule "x"]\n\tpath = x\n', '[submodule "gone"]\n\tpath = gone\n\turl = ../gone.git\n'])
def test_gitmodules_without_a_submodule(repositories: Repositories, clone: Clone, text: str) -> None:
    repository = repositories.create("modules")
    commit = repository.commit({"index.html": "1", ".gitmodules": text})
    assert_cloned(clone(repository.url), commit)


def test_gitmodules_that_git_cannot_read(repositories: Repositories, clone: Clone) -> None:
    inner, outer = repositories.create("inner"), repositories.create("outer")
    add_submodule(outer, "lib", inner.url, inner.commit({"index.html": "1"}))
    (outer.work / ".gitmodules").write_text("[submodule\n")
    git(outer.work, "add", ".gitmodules")
    git(outer.work, "commit", "-q", "-m", "broken")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    outcome = clone(outer.url)
    assert outcome.message["reason"] == "build-failed" and ".gitmodules" in outcome.message["detail"]


@pytest.mark.parametrize("url", ["../inner.git", "./../inner.git", "{base}/inner.git", "HTTP{rest}/inner.git"])
def test_submodules_by_relative_and_absolute_urls(repositories: Repositories, clone: Clone, url: str) -> None:
    inner, outer = repositories.create("inner"), repositories.create("outer")
    base = f"http://{repositories.host}"
    commit = add_submodule(outer, "lib with space", url.format(base=base, rest=base.removeprefix("http")), inner.commit({"inner.txt": "here"}))
    outcome = clone(outer.url)
    assert_cloned(outcome, commit)
    assert (outcome.source / "lib with space/inner.txt").read_text() == "here"


def test_a_submodule_without_an_entry_is_named(repositories: Repositories, clone: Clone) -> None:
    outer = repositories.create("outer")
    outer.commit({"index.html": "1"})
    git(outer.work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/lib")
    git(outer.work, "commit", "-q", "-m", "a link")
    git(outer.work, "push", "-q", str(outer.bare), "main")
    outcome = clone(outer.url)
    assert outcome.code == 0 and "notice: vendor/lib is a submodule without a URL" in outcome.log, outcome.log


def test_links_within_the_repository_work(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("links")
    repository.work.joinpath("apps/api").mkdir(parents=True)
    for name, target in {"shared": "../../packages/shared", "inside": "code.py", "later": "generated/x", "top": "../..", "a": "b", "b": "a"}.items():
        repository.work.joinpath("apps/api", name).symlink_to(target)
    files = {"apps/api/code.py": "1", "packages/shared/index.js": "shared", "packages/other/deep.txt": "deep"}
    repository.work.joinpath("packages/shared").mkdir(parents=True)
    repository.work.joinpath("packages/shared/other").symlink_to("../other")
    repository.work.joinpath("packages/shared/again").symlink_to("../shared")
    repository.commit(files)
    outcome = clone(repository.url, BASE_DIRECTORY="apps/api")
    assert outcome.code == 0, outcome.log
    folder = outcome.source / "apps/api"
    assert (folder / "shared/index.js").read_text() == "shared" and not (folder / "shared").is_symlink()
    assert (folder / "shared/other/deep.txt").read_text() == "deep"
    assert (folder / "inside").is_symlink() and (folder / "later").is_symlink()
    assert "link apps/api/a to b is part of a loop" in outcome.log
    assert "link apps/api/top names a folder that contains it" in outcome.log


def test_a_link_out_of_the_repository_is_named_with_its_target(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("out")
    repository.work.joinpath("hosts").symlink_to("/etc/hosts")
    repository.commit({"index.html": "1"})
    outcome = clone(repository.url)
    assert outcome.message["detail"] == "Link hosts points out of the repository, to /etc/hosts. Replace it by the file, or delete it."


def test_pointers_of_git_lfs_are_named_wherever_they_are(repositories: Repositories, clone: Clone) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
    repository = repositories.create("lfs")
    files = {"models/.gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "models/a.bin": pointer, "data/without attributes.csv": pointer}
    repository.commit({**files, "index.html": "1"})
    outcome = clone(repository.url)
    assert outcome.code == 0
    assert "pointers without their content: data/without attributes.csv, models/a.bin" in outcome.log


def test_file_names_of_every_kind(repositories: Repositories, clone: Clone) -> None:
    repository = repositories.create("files")
    repository.commit({"index.html": "1", "-rf": "2", "new\nline": "3", "ünï/コード": "4", 'quo"te': "5", " space ": "6", "x" * 250: "7"})
    odd = os.fsencode(repository.work) + b"/latin-\xe9"
    with open(odd, "wb") as file:
        file.write(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n")
    git(repository.work, "add", "-A")
    git(repository.work, "commit", "-q", "-m", "odd")
    git(repository.work, "push", "-q", str(repository.bare), "main")
    outcome = clone(repository.url)
    assert outcome.code == 0, outcome.log
    assert os.path.exists(os.fsencode(outcome.source) + b"/latin-\xe9") and (outcome.source / "new\nline").read_text() == "3"
    assert "latin-\\xe9" in outcome.log


@pytest.mark.parametrize("scheme", ["HTTP", "Http"])
def test_the_case_of_a_scheme_does_not_matter(repositories: Repositories, clone: Clone, scheme: str) -> None:
    repository = repositories.create("scheme")
    commit = repository.commit({"index.html": "1"})
    assert_cloned(clone(repository.url.replace("http", scheme, 1)), commit)
