"""Check out one commit of a repository with git: shallow, without prompts, hooks, local configuration or protocols other than http(s)."""

import re
import shutil
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from knative.builder.addresses import Remote, find_remote
from knative.builder.execution import CommandFailed, Limits, Shell, log
from knative.builder.failure import BUILD_FAILED, REF_NOT_FOUND, REPOSITORY_NOT_FOUND, TOO_LARGE, BuildFailure
from knative.builder.parameters import Parameters

MAX_SUBMODULE_DEPTH, MAX_SUBMODULES = 5, 50
COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
GIT_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "http:https",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
GIT_OPTIONS = ("credential.helper=", "core.hooksPath=/dev/null", "http.followRedirects=false", "advice.detachedHead=false", "gc.auto=0")


class Checkout:
    """Clones one repository into a folder."""

    def __init__(self, shell: Shell, parameters: Parameters, folder: Path, deadline: float) -> None:
        self._shell = shell
        self._parameters = parameters
        self._folder = folder
        self._limits = Limits(deadline, folder, parameters.source_bytes)
        self._remote = Remote("")
        self._submodules = 0

    def run(self) -> str:
        """Check out the ref with its submodules and return the commit's id. Raises BuildFailure."""
        parameters = self._parameters
        log(f"==> Cloning {parameters.repository}" + (f" at {parameters.ref}" if parameters.ref else ""))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remote = find_remote(parameters.repository, parameters.allowed_hosts)
        self._git("init", "-q")
        commit = self._resolve(parameters.ref)
        self._fetch(commit)
        self._git("checkout", "-q", "--detach", "FETCH_HEAD")
        (line,) = self._git("log", "-1", "--format=%H %s")[-1:]
        commit, _, subject = line.partition(" ")
        log(f"    commit {commit[:12]} {subject[:100]}")
        self._add_submodules(self._folder, parameters.repository, 0)
        self._check_tree()
        return commit

    def _resolve(self, ref: str) -> str:
        """Return the commit of a ref: a branch, else a tag, else a commit id, complete or abbreviated."""
        refs = self._list_refs()
        if not refs:
            raise BuildFailure(REF_NOT_FOUND, f"Repository {self._parameters.repository} is empty. Push a branch first.")
        candidates = ("HEAD",) if not ref else (f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", ref)
        for name in candidates:
            if name in refs:
                return refs[name]
        if COMMIT.fullmatch(ref):
            return ref
        if SHORT_COMMIT.fullmatch(ref) and (commit := self._expand(ref)):
            return commit
        branches = sorted(name.removeprefix("refs/heads/") for name in refs if name.startswith("refs/heads/"))
        existing = f"Existing branches: {', '.join(branches[:20]) or 'none'}."
        if not ref:
            raise BuildFailure(REF_NOT_FOUND, f"The repository has no default branch. Name the branch to deploy. {existing}")
        raise BuildFailure(REF_NOT_FOUND, f'Ref "{ref}" does not exist in {self._parameters.repository}. {existing}')

    def _list_refs(self) -> dict[str, str]:
        """Ref name → commit id."""
        try:
            lines = self._git("ls-remote", self._remote.url)
        except CommandFailed as error:
            detail = f"git cannot read {self._parameters.repository}: {_last_line(error)}"
            raise BuildFailure(REPOSITORY_NOT_FOUND, detail) from error
        pairs = (line.split("\t", 1) for line in lines if "\t" in line)
        return {name: commit for commit, name in pairs if COMMIT.fullmatch(commit)}

    def _expand(self, short: str) -> str | None:
        """Return the commit that an abbreviated id names, None if there is none or several. Fetches all commits, without their files."""
        history = self._folder.with_name(f"{self._folder.name}-history")
        history.mkdir()
        try:
            self._git("init", "-q", "--bare", cwd=history)
            self._git("remote", "add", "origin", self._remote.url, cwd=history)
            self._git("fetch", "-q", "--filter=tree:0", "origin", "+refs/heads/*:refs/heads/*", cwd=history)
            return self._git("rev-parse", "--verify", "-q", f"{short}^{{commit}}", cwd=history)[-1]
        except CommandFailed:
            return None
        finally:
            shutil.rmtree(history)

    def _fetch(self, commit: str) -> None:
        try:
            self._git("fetch", "-q", "--depth", "1", "--no-tags", "--no-recurse-submodules", self._remote.url, commit)
        except CommandFailed as error:
            if COMMIT.fullmatch(self._parameters.ref):
                raise BuildFailure(REF_NOT_FOUND, f"Commit {commit} does not exist in {self._parameters.repository}.") from error
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"git cannot fetch commit {commit[:12]}: {_last_line(error)}") from error

    def _add_submodules(self, folder: Path, url: str, depth: int) -> None:
        """Clone each submodule at the commit that the repository records, after the same address checks."""
        if not (folder / ".gitmodules").is_file() or (folder / ".gitmodules").is_symlink():
            return
        lines = self._git("config", "-z", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.(path|url)$", cwd=folder)
        settings = dict(entry.split("\n", 1) for entry in "\n".join(lines).split("\0") if "\n" in entry.strip())
        for key, path in settings.items():
            name = key.removesuffix(".path")
            if name == key or f"{name}.url" not in settings:
                continue
            self._submodules += 1
            if depth >= MAX_SUBMODULE_DEPTH or self._submodules > MAX_SUBMODULES:
                detail = f"The repository has more than {MAX_SUBMODULES} submodules, or nests them more than {MAX_SUBMODULE_DEPTH} deep."
                raise BuildFailure(TOO_LARGE, detail)
            self._add_submodule(folder, path, urljoin(url.rstrip("/") + "/", settings[f"{name}.url"]), depth)

    def _add_submodule(self, folder: Path, path: str, url: str, depth: int) -> None:
        target = folder / path
        entry = self._git("ls-tree", "HEAD", "--", path, cwd=folder)
        fields = entry[0].split() if entry else []
        if len(fields) < 3 or fields[1] != "commit":
            return  # named in .gitmodules but not part of the tree
        commit = fields[2]
        if urlsplit(url).scheme not in ("http", "https"):
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"Submodule {path} is at {url}. Submodules need an http or https URL.")
        if not target.resolve().is_relative_to(self._folder.resolve()):
            raise BuildFailure(BUILD_FAILED, f"Submodule {path} is outside of the repository.")
        log(f"    submodule {path} at {commit[:12]}")
        target.mkdir(parents=True, exist_ok=True)
        self._remote = find_remote(url, self._parameters.allowed_hosts)
        try:
            self._git("init", "-q", cwd=target)
            self._git("fetch", "-q", "--depth", "1", "--no-tags", "--no-recurse-submodules", self._remote.url, commit, cwd=target)
            self._git("checkout", "-q", "--detach", "FETCH_HEAD", cwd=target)
        except CommandFailed as error:
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"git cannot clone submodule {path} from {url}: {_last_line(error)}") from error
        self._add_submodules(target, url, depth + 1)

    def _check_tree(self) -> None:
        """Refuse links that point out of the repository; mention files that git does not fetch."""
        attributes = self._folder / ".gitattributes"
        if attributes.is_file() and "filter=lfs" in attributes.read_text(errors="replace"):
            log("    notice: Git LFS is not supported; its files stay pointers")
        root = self._folder.resolve()
        for path in self._folder.rglob("*"):
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise BuildFailure(BUILD_FAILED, f"Link {path.relative_to(self._folder)} points out of the repository.")

    def _git(self, *arguments: str, cwd: Path | None = None) -> list[str]:
        settings = [*GIT_OPTIONS, *self._remote.git_options]
        options = [word for setting in settings for word in ("-c", setting)]
        return self._shell.run(["git", *options, *arguments], cwd=cwd or self._folder, limits=self._limits, quiet=True, variables=GIT_ENVIRONMENT)


def _last_line(error: CommandFailed) -> str:
    return error.tail[-1] if error.tail else f"exit code {error.code}"
