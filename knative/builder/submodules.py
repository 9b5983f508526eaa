"""Clone the submodules of a checkout at the commits that the repository records."""

from collections.abc import Collection, Iterator
from pathlib import Path

from functions.wire.git_urls import BadGitUrl, GitUrl, resolve_relative
from knative.builder.access import RepositoryAccess
from knative.builder.execution import CommandFailed, log
from knative.builder.failure import BUILD_FAILED, REPOSITORY_NOT_FOUND, TOO_LARGE, BuildFailure
from knative.builder.git import Git, last_line
from knative.builder.remotes import find_remote
from knative.builder.ssh_failures import ssh_failure
from knative.builder.text import printable

MAX_DEPTH, MAX_SUBMODULES = 5, 50
GITLINK = b"160000"
FILE = ".gitmodules"


class Submodules:
    """Adds the submodules of one checkout, with the same address checks as for the repository itself."""

    def __init__(self, git: Git, access: RepositoryAccess, allowed_hosts: Collection[str], root: Path) -> None:
        self._git = git
        self._access = access
        self._allowed_hosts = allowed_hosts
        self._root = root
        self._count = 0

    def add(self, url: GitUrl) -> None:
        """Clone all submodules of the checkout of `url`, and theirs. Raises BuildFailure."""
        self._add_all(self._root, url, 0)

    def _add_all(self, folder: Path, url: GitUrl, depth: int) -> None:
        recorded = self._recorded_commits(folder)
        if not recorded:
            return
        urls = self._urls(folder)
        for path, commit in recorded.items():
            if path not in urls:
                log(f"    notice: {printable(path)} is a submodule without a URL in {FILE}; its folder stays empty")
                continue
            self._count += 1
            if depth >= MAX_DEPTH or self._count > MAX_SUBMODULES:
                detail = f"The repository has more than {MAX_SUBMODULES} submodules, or nests them more than {MAX_DEPTH} deep."
                raise BuildFailure(TOO_LARGE, detail)
            self._add(folder / path, printable(path), resolve_relative(url.text, urls[path]), commit, depth)

    def _recorded_commits(self, folder: Path) -> dict[str, str]:
        """Path → commit of every submodule in the tree, whether .gitmodules names it or not."""
        entries = self._git.read("ls-tree", "-r", "-z", "HEAD", cwd=folder).split(b"\0")
        links = (entry.partition(b"\t") for entry in entries if entry.startswith(GITLINK))
        return {path.decode("utf-8", "surrogateescape"): head.split()[2].decode() for head, _, path in links}

    def _urls(self, folder: Path) -> dict[str, str]:
        """Path → URL from .gitmodules. An empty file and one with comments only have none. Raises BuildFailure for a broken file."""
        file = folder / FILE
        if not file.is_file() or file.is_symlink():
            return {}
        try:
            output = self._git.read("config", "-z", "--file", FILE, "--get-regexp", r"^submodule\..*\.(path|url)$", cwd=folder)
        except CommandFailed as error:
            if error.code == 1:  # git-config(1): no match
                return {}
            raise BuildFailure(BUILD_FAILED, f"{FILE} of the repository is not valid: {last_line(error)}.") from error
        settings = dict(_setting(entry) for entry in output.decode("utf-8", "surrogateescape").split("\0") if entry)
        named = {key.removesuffix(".path"): path for key, path in settings.items() if key.endswith(".path")}
        return {path.rstrip("/"): settings[f"{name}.url"] for name, path in named.items() if settings.get(f"{name}.url")}

    def _add(self, target: Path, path: str, location: str, commit: str, depth: int) -> None:
        if not target.resolve().is_relative_to(self._root.resolve()):
            raise BuildFailure(BUILD_FAILED, f"Submodule {path} is outside of the repository.")
        log(f"    submodule {path} at {commit[:12]}")
        try:
            url = GitUrl.parse(location)
        except BadGitUrl as error:
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"Submodule {path} is at {printable(location)}: {error}.") from error
        target.mkdir(parents=True, exist_ok=True)
        failure = BuildFailure(REPOSITORY_NOT_FOUND, f"Submodule {path} at {url.text} cannot be cloned.")
        for candidate in self._candidates(url):
            try:
                self._fetch(target, path, candidate, commit)
            except BuildFailure as error:
                failure = error
                continue
            self._add_all(target, candidate, depth + 1)
            return
        raise failure

    def _candidates(self, url: GitUrl) -> Iterator[GitUrl]:
        """Where to clone from: over ssh if the application has a key, and over https what hosts publish there too.

        Repositories often name public submodules by their ssh URLs.
        """
        over_https = url.over_https()
        if self._access.has_key or over_https is None:
            yield url
        if over_https is not None:
            yield over_https

    def _fetch(self, target: Path, path: str, url: GitUrl, commit: str) -> None:
        try:
            remote = find_remote(url, self._allowed_hosts, self._access)
        except BuildFailure as error:
            raise BuildFailure(error.reason, f"Submodule {path}: {error.detail}") from error
        arguments = ("fetch", "-q", "--depth", "1", "--no-tags", "--no-recurse-submodules", remote.url.text, commit)
        try:
            self._git.run("init", "-q", f"--object-format={'sha256' if len(commit) == 64 else 'sha1'}", cwd=target)
            self._git.run(*arguments, cwd=target, remote=remote)
            self._git.run("checkout", "-q", "--detach", "FETCH_HEAD", cwd=target)
        except CommandFailed as error:
            if failure := ssh_failure(remote.url, error.tail, has_key=self._access.has_key):
                raise BuildFailure(failure.reason, f"Submodule {path}: {failure.detail}") from error
            raise BuildFailure(REPOSITORY_NOT_FOUND, f"git cannot clone submodule {path} from {url.text}: {last_line(error)}.") from error


def _setting(entry: str) -> tuple[str, str]:
    """(key, value) of an entry of `git config -z`: separated by a line feed; without one the key has no value."""
    key, _, value = entry.partition("\n")
    return key, value
