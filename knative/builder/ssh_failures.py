"""Say why a repository cannot be read over ssh, from what ssh and the git host print."""

from collections.abc import Sequence

from functions.wire.git_urls import GitUrl
from knative.builder.addresses import TIMEOUT_SECONDS
from knative.builder.failure import HOST_KEY_CHANGED, REPOSITORY_NOT_FOUND, REPOSITORY_PRIVATE, BuildFailure

_NETWORK = {
    "connection refused": "connection refused",
    "timed out": f"no answer within {TIMEOUT_SECONDS} s",
    "no route to host": "no route to host",
    "network is unreachable": "network is unreachable",
    "could not resolve hostname": "no such host",
    "connection closed": "the server closed the connection",
    "connection reset": "the server closed the connection",
}
_ABSENT = ("repository not found", "does not appear to be a git repository", "project you were looking for could not be found", "not found")


def ssh_failure(url: GitUrl, output: Sequence[str], *, has_key: bool) -> BuildFailure | None:
    """Return what the output of a git command over ssh means; None if it is not about ssh."""
    if not url.is_ssh:
        return None
    text = "\n".join(output).lower()
    if "host key verification failed" in text or "remote host identification has changed" in text:
        detail = f"{url.authority} presents another host key than the one that is stored for this application; nothing was sent to it."
        remedy = "If its operator has announced a new key, accept it with: capsule host-keys forget. Otherwise the connection may be intercepted."
        return BuildFailure(HOST_KEY_CHANGED, f"{detail} {remedy}")
    if "permission denied" in text or "publickey" in text:
        if has_key:
            detail = f"{url.host} refuses the application's deploy key. Add its public key to the repository's deploy keys: capsule key show."
        else:
            detail = f"{url.text} needs a deploy key. Create it and add it to the repository's deploy keys: capsule key show."
        return BuildFailure(REPOSITORY_PRIVATE, detail)
    if any(each in text for each in _ABSENT):
        detail = f"{url.text} does not exist, or the application's deploy key has no access to it. Compare: capsule key show."
        return BuildFailure(REPOSITORY_PRIVATE, detail)
    for sign, reason in _NETWORK.items():
        if sign in text:
            return BuildFailure(REPOSITORY_NOT_FOUND, f"Cannot connect to {url.authority} over ssh: {reason}.")
    return None
