"""Pages of git hosts about a commit. only for known hosts; no request is made to them."""

import re
from urllib.parse import quote

REPOSITORY = re.compile(r"(?:https://|ssh://git@|git@)(github\.com|gitlab\.com|codeberg\.org|bitbucket\.org)[/:]((?:[\w.-]+/)+[\w.-]+?)(?:\.git)?/?")
COMMIT_PATHS = {"github.com": "commit/{}", "gitlab.com": "-/commit/{}", "codeberg.org": "commit/{}", "bitbucket.org": "commits/{}"}
COMPARE_PATHS = {
    "github.com": "compare/{}...{}",
    "gitlab.com": "-/compare/{}...{}",
    "codeberg.org": "compare/{}...{}",
    "bitbucket.org": "branches/compare/{1}..{0}",
}


def commit_url(repository: str, commit: str) -> str:
    """The address of a commit's page; empty if the host is not known."""
    found = REPOSITORY.fullmatch(repository)
    return f"https://{found[1]}/{found[2]}/{COMMIT_PATHS[found[1]].format(quote(commit))}" if found and commit else ""


def compare_url(repository: str, before: str, after: str) -> str:
    """The address of the page with the differences between two commits; empty if the host is not known, or nothing differs."""
    found = REPOSITORY.fullmatch(repository)
    if not found or not before or not after or before == after:
        return ""
    return f"https://{found[1]}/{found[2]}/{COMPARE_PATHS[found[1]].format(quote(before), quote(after))}"
