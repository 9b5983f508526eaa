"""A repository's files at one commit, by the git command: shallow, without prompts, hooks, configuration of this machine, or other protocols."""

import re
import shutil
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from knative.builder.addresses import Place, find
from knative.builder.execution import CommandFailed, Limits, Shell, say
from knative.builder.failure import BUILD_FAILED, REF_NOT_FOUND, REPOSITORY_NOT_FOUND, TOO_LARGE, Failure
from knative.builder.parameters import Parameters

DEEPEST, MOST = 5, 50
"""Submodules: one within another, and in all."""
COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
ALONE = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "http:https",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
CAREFUL = ("credential.helper=", "core.hooksPath=/dev/null", "http.followRedirects=false", "advice.detachedHead=false", "gc.auto=0")


class Checkout:
    """One repository on its way into a folder."""

    def __init__(self, shell: Shell, parameters: Parameters, folder: Path, deadline: float) -> None:
        self._shell = shell
        self._parameters = parameters
        self._folder = folder
        self._limits = Limits(deadline, folder, parameters.source_bytes)
        self._place = Place("")
        self._submodules = 0

    def make(self) -> str:
        """The commit's id. Raises Failure."""
        parameters = self._parameters
        say(f"==> Cloning {parameters.repository}" + (f" at {parameters.ref}" if parameters.ref else ""))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._place = find(parameters.repository, parameters.hosts)
        self._git("init", "-q")
        commit = self._resolve(parameters.ref)
        self._fetch(commit)
        self._git("checkout", "-q", "--detach", "FETCH_HEAD")
        (told,) = self._git("log", "-1", "--format=%H %s")[-1:]
        commit, _, subject = told.partition(" ")
        say(f"    commit {commit[:12]} {subject[:100]}")
        self._add_submodules(self._folder, parameters.repository, 0)
        self._look()
        return commit

    def _resolve(self, ref: str) -> str:
        """The commit that a name means now: a branch, else a tag, else a commit's id, whole or begun."""
        names = self._names()
        if not names:
            raise Failure(REF_NOT_FOUND, f"{self._parameters.repository} is empty: nothing has been pushed to it.")
        wanted = ("HEAD",) if not ref else (f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", ref)
        for name in wanted:
            if name in names:
                return names[name]
        if COMMIT.fullmatch(ref):
            return ref
        if SHORT_COMMIT.fullmatch(ref) and (found := self._begun(ref)):
            return found
        if not ref:
            raise Failure(REF_NOT_FOUND, "The repository's default branch does not exist; say which branch to deploy.")
        branches = sorted(name.removeprefix("refs/heads/") for name in names if name.startswith("refs/heads/"))
        raise Failure(REF_NOT_FOUND, f"There is no branch, tag or commit {ref!r}; branches are: {', '.join(branches[:20]) or 'none'}.")

    def _names(self) -> dict[str, str]:
        try:
            lines = self._git("ls-remote", self._place.url)
        except CommandFailed as error:
            raise Failure(REPOSITORY_NOT_FOUND, f"git cannot read {self._parameters.repository}: {_last(error)}") from error
        pairs = (line.split("\t", 1) for line in lines if "\t" in line)
        return {name: commit for commit, name in pairs if COMMIT.fullmatch(commit)}

    def _begun(self, short: str) -> str | None:
        """All commits without their files are fetched: only then is the beginning of an id known to mean one."""
        history = self._folder.with_name(f"{self._folder.name}-history")
        history.mkdir()
        try:
            self._git("init", "-q", "--bare", cwd=history)
            self._git("remote", "add", "origin", self._place.url, cwd=history)
            self._git("fetch", "-q", "--filter=tree:0", "origin", "+refs/heads/*:refs/heads/*", cwd=history)
            return self._git("rev-parse", "--verify", "-q", f"{short}^{{commit}}", cwd=history)[-1]
        except CommandFailed:
            return None
        finally:
            shutil.rmtree(history)

    def _fetch(self, commit: str) -> None:
        try:
            self._git("fetch", "-q", "--depth", "1", "--no-tags", "--no-recurse-submodules", self._place.url, commit)
        except CommandFailed as error:
            if COMMIT.fullmatch(self._parameters.ref):
                raise Failure(REF_NOT_FOUND, f"There is no commit {commit} in {self._parameters.repository}.") from error
            raise Failure(REPOSITORY_NOT_FOUND, f"git cannot fetch {commit[:12]}: {_last(error)}") from error

    def _add_submodules(self, folder: Path, url: str, depth: int) -> None:
        """Each at the commit that its repository names, from an address that is checked as the first one was."""
        if not (folder / ".gitmodules").is_file() or (folder / ".gitmodules").is_symlink():
            return
        said = self._git("config", "-z", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.(path|url)$", cwd=folder)
        told = dict(entry.split("\n", 1) for entry in "\n".join(said).split("\0") if "\n" in entry.strip())
        for key, path in told.items():
            name = key.removesuffix(".path")
            if name == key or f"{name}.url" not in told:
                continue
            self._submodules += 1
            if depth >= DEEPEST or self._submodules > MOST:
                raise Failure(TOO_LARGE, f"More than {MOST} submodules, or deeper than {DEEPEST}, are not cloned.")
            self._add_submodule(folder, path, urljoin(url.rstrip("/") + "/", told[f"{name}.url"]), depth)

    def _add_submodule(self, folder: Path, path: str, url: str, depth: int) -> None:
        place = folder / path
        entry = self._git("ls-tree", "HEAD", "--", path, cwd=folder)
        words = entry[0].split() if entry else []
        if len(words) < 3 or words[1] != "commit":
            return  # it is named, and not there
        if urlsplit(url).scheme not in ("http", "https"):
            raise Failure(REPOSITORY_NOT_FOUND, f"The submodule {path} is at {url}; only http and https addresses can be cloned from.")
        if not place.resolve().is_relative_to(self._folder.resolve()):
            raise Failure(BUILD_FAILED, f"The submodule {path} leads out of the repository.")
        say(f"    submodule {path} at {words[2][:12]}")
        place.mkdir(parents=True, exist_ok=True)
        self._place = find(url, self._parameters.hosts)
        try:
            self._git("init", "-q", cwd=place)
            self._git("fetch", "-q", "--depth", "1", "--no-tags", "--no-recurse-submodules", self._place.url, words[2], cwd=place)
            self._git("checkout", "-q", "--detach", "FETCH_HEAD", cwd=place)
        except CommandFailed as error:
            raise Failure(REPOSITORY_NOT_FOUND, f"The submodule {path} cannot be cloned from {url}: {_last(error)}") from error
        self._add_submodules(place, url, depth + 1)

    def _look(self) -> None:
        """What git leaves out, said; what leads out of the repository, refused."""
        attributes = self._folder / ".gitattributes"
        if attributes.is_file() and "filter=lfs" in attributes.read_text(errors="replace"):
            say("    notice: files kept in Git LFS are left as pointers")
        root = self._folder.resolve()
        for path in self._folder.rglob("*"):
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise Failure(BUILD_FAILED, f"The link {path.relative_to(self._folder)} leads out of the repository.")

    def _git(self, *words: str, cwd: Path | None = None) -> list[str]:
        settings = [*CAREFUL, *self._place.git_options]
        options = [word for setting in settings for word in ("-c", setting)]
        return self._shell.run(["git", *options, *words], cwd=cwd or self._folder, limits=self._limits, quiet=True, **ALONE)


def _last(error: CommandFailed) -> str:
    return error.tail[-1] if error.tail else f"it ended with code {error.code}"
