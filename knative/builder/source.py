"""Check out one commit of a repository with its submodules: shallow, so that only the commit's files are transferred."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from functions.wire.git_urls import BadGitUrl, GitUrl
from knative.builder.access import RepositoryAccess
from knative.builder.execution import CommandFailed, Limits, Shell, log
from knative.builder.failure import REF_NOT_FOUND, REPOSITORY_NOT_FOUND, BuildFailure
from knative.builder.git import Git, last_line
from knative.builder.parameters import Parameters
from knative.builder.remotes import Remote, find_remote
from knative.builder.source_tree import check_tree
from knative.builder.ssh_failures import ssh_failure
from knative.builder.submodules import Submodules
from knative.builder.text import printable

COMMIT_LENGTHS = (40, 64)
"""Hexadecimal digits of a commit id: SHA-1 and SHA-256."""
HEXADECIMAL = re.compile(r"[0-9a-f]{4,64}")
"""An id, complete or abbreviated; git abbreviates to four digits at least (core.abbrev)."""
MAX_NAMED_BRANCHES = 20
ABSENT_REF = "couldn't find remote ref"
OTHER_FORMAT = "mismatched algorithms"
NOT_ADVERTISED = "unadvertised object"
"""Messages of git-fetch."""


@dataclass(frozen=True, slots=True)
class Commit:
    id: str
    subject: str


class Checkout:
    """Clones one repository into a folder."""

    def __init__(self, shell: Shell, parameters: Parameters, access: RepositoryAccess, folder: Path, deadline: float) -> None:
        self._parameters = parameters
        self._access = access
        self._folder = folder
        self._git = Git(shell, Limits(deadline, folder, parameters.source_bytes))
        self._remote: Remote

    def run(self) -> str:
        """Check out the ref with its submodules and return the commit's id. Raises BuildFailure."""
        parameters, folder = self._parameters, self._folder
        log(f"==> Cloning {parameters.repository}" + (f" at {parameters.ref}" if parameters.ref else ""))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            url = GitUrl.parse(parameters.repository)
        except BadGitUrl as error:
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"{parameters.repository} is not a repository that can be cloned: {error}.") from error
        self._remote = find_remote(url, parameters.allowed_hosts, self._access)
        self._init("sha1")
        self._fetch(parameters.ref)
        try:
            self._git.run("checkout", "-q", "--detach", "FETCH_HEAD", cwd=folder)
        except CommandFailed as error:
            detail = f'Ref "{parameters.ref}" of {parameters.repository} cannot be checked out: {last_line(error)}.'
            raise BuildFailure(REF_NOT_FOUND, detail) from error
        commit = self._head()
        log(f"    commit {commit.id[:12]} {commit.subject[:100]}".rstrip())
        Submodules(self._git, self._access, parameters.allowed_hosts, folder).add(self._remote.url)
        check_tree(folder, parameters.base_directory, parameters.source_bytes)
        return commit.id

    def _init(self, object_format: str) -> None:
        shutil.rmtree(self._folder / ".git", ignore_errors=True)
        self._git.run("init", "-q", f"--object-format={object_format}", cwd=self._folder)

    def _head(self) -> Commit:
        """Read id and subject. git converts the subject from the commit's own encoding (`i18n.commitEncoding`)."""
        id = self._git.read("rev-parse", "HEAD", cwd=self._folder).decode().strip()
        subject = self._git.read("log", "-1", "--encoding=UTF-8", "--format=%s", cwd=self._folder)
        return Commit(id, printable(subject.decode("utf-8", "replace").strip()))

    def _fetch(self, ref: str) -> None:
        """Fetch a ref: a branch, else a tag, else any other ref below `refs/`, else a commit id, complete or abbreviated."""
        commit = ref.lower()
        if len(commit) in COMMIT_LENGTHS and HEXADECIMAL.fullmatch(commit):
            if self._fetch_commit(commit):
                return
            raise BuildFailure(REF_NOT_FOUND, f"Commit {commit} does not exist in {self._parameters.repository}.")
        if any(self._fetch_name(name) for name in ref_names(ref)):
            return
        if HEXADECIMAL.fullmatch(commit) and (found := self._expand(commit)) and self._fetch_commit(found):
            return
        raise self._missing_ref(ref)

    def _fetch_name(self, name: str) -> bool:
        """Fetch a ref by its complete name; False if there is none."""
        try:
            self._fetch_shallow(name)
        except CommandFailed as error:
            output = "\n".join(error.tail)
            if ABSENT_REF in output:
                return False
            if OTHER_FORMAT in output:  # known only from the server's answer
                self._init("sha256")
                return self._fetch_name(name)
            raise self._transport_failure(error) from error
        return True

    def _fetch_commit(self, commit: str) -> bool:
        """Fetch a commit by its complete id; False if the repository does not have it."""
        self._init("sha256" if len(commit) == COMMIT_LENGTHS[1] else "sha1")
        try:
            self._fetch_shallow(commit)
        except CommandFailed as error:
            output = "\n".join(error.tail)
            if NOT_ADVERTISED in output:  # a server without protocol version 2: fetch by names, then look
                return self._fetch_everything(commit)
            if "not our ref" in output or "bad object" in output or OTHER_FORMAT in output or ABSENT_REF in output:
                return False
            raise self._transport_failure(error) from error
        return True

    def _fetch_shallow(self, name: str) -> None:
        url = self._remote.url.text
        self._git.run("fetch", "-q", "--depth", "1", "--no-tags", "--no-recurse-submodules", url, name, cwd=self._folder, remote=self._remote)

    def _fetch_everything(self, commit: str) -> bool:
        """Fetch all refs with their history; False if the commit is not among it."""
        arguments = ("fetch", "-q", "--no-tags", "--no-recurse-submodules", self._remote.url.text, "+refs/*:refs/fetched/*")
        try:
            self._git.run(*arguments, cwd=self._folder, remote=self._remote)
            self._git.read("cat-file", "-e", f"{commit}^{{commit}}", cwd=self._folder)
        except CommandFailed:
            return False
        (self._folder / ".git" / "FETCH_HEAD").write_text(f"{commit}\n")
        return True

    def _expand(self, short: str) -> str | None:
        """Return the commit that an abbreviated id names, None if there is none. Fetches commits without their files.

        Branches and tags first; other refs (pull requests) are as a rule many more. Raises BuildFailure if several
        commits begin with it.
        """
        history = self._folder.with_name(f"{self._folder.name}-history")
        try:
            for refspecs in (["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"], ["+refs/*:refs/fetched/*"]):
                if commit := self._find_in_history(history, short, refspecs):
                    return commit
            return None
        finally:
            shutil.rmtree(history, ignore_errors=True)

    def _find_in_history(self, folder: Path, short: str, refspecs: list[str]) -> str | None:
        """Fetch all commits of some refs into a repository of their own, and look there."""
        if not any(self._fetch_history(folder, each, refspecs) for each in ("sha1", "sha256")):
            return None
        try:
            return self._git.run("rev-parse", "--verify", f"{short}^{{commit}}", cwd=folder, remote=self._remote)[-1]
        except CommandFailed as error:
            if "ambiguous" in "\n".join(error.tail):
                detail = f'"{short}" is the beginning of several commit ids in {self._parameters.repository}. Use more digits.'
                raise BuildFailure(REF_NOT_FOUND, detail) from error
            return None

    def _fetch_history(self, folder: Path, object_format: str, refspecs: list[str]) -> bool:
        """False if the repository has another object format."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._git.run("init", "-q", "--bare", f"--object-format={object_format}", cwd=folder)
        self._git.run("remote", "add", "origin", self._remote.url.text, cwd=folder)
        try:
            self._git.run("fetch", "-q", "--no-tags", "--filter=tree:0", "origin", *refspecs, cwd=folder, remote=self._remote)
        except CommandFailed as error:
            if OTHER_FORMAT in "\n".join(error.tail):
                return False
            raise self._transport_failure(error) from error
        return True

    def _missing_ref(self, ref: str) -> BuildFailure:
        repository, branches = self._parameters.repository, self._branches()
        existing = f"Existing branches: {', '.join(branches[:MAX_NAMED_BRANCHES]) or 'none'}{', …' if len(branches) > MAX_NAMED_BRANCHES else ''}."
        if not ref and not branches:
            return BuildFailure(REF_NOT_FOUND, f"Repository {repository} is empty. Push a branch first.")
        if not ref:
            return BuildFailure(REF_NOT_FOUND, f"The repository has no default branch. Name the branch to deploy. {existing}")
        return BuildFailure(REF_NOT_FOUND, f'Ref "{printable(ref)}" does not exist in {repository}. {existing}')

    def _branches(self) -> list[str]:
        try:
            lines = self._git.run("ls-remote", "--heads", self._remote.url.text, cwd=self._folder.parent, remote=self._remote)
        except CommandFailed as error:
            raise self._transport_failure(error) from error
        return sorted(printable(line.partition("\trefs/heads/")[2]) for line in lines if "\trefs/heads/" in line)

    def _transport_failure(self, error: CommandFailed) -> BuildFailure:
        if failure := ssh_failure(self._remote.url, error.tail, has_key=self._access.has_key):
            return failure
        return BuildFailure(REPOSITORY_NOT_FOUND, f"git cannot read {self._parameters.repository}: {last_line(error)}.")


def ref_names(ref: str) -> tuple[str, ...]:
    """Return the complete names that a ref may stand for, in the order of precedence."""
    if not ref:
        return ("HEAD",)
    if ref.startswith("refs/"):
        return (ref, f"refs/heads/{ref}", f"refs/tags/{ref}")
    return (f"refs/heads/{ref}", f"refs/tags/{ref}", *((f"refs/{ref}",) if "/" in ref else ()))
