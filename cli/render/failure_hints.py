"""The next step after a failed deployment, by its reason."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cli.render.deployments import is_ended_in_build

Json = Mapping[str, Any]
MISSING_VARIABLE = re.compile(r"KeyError: '([A-Z][A-Z0-9_]*)'")
"""Python's message for a variable that is read from `os.environ` and not set."""
OTHER_PORT = re.compile(r"listens on (\d{1,5}), but")
"""The only port in the message about a process that does not listen on PORT (knative/local/serving/pods)."""
REMOVED_FROM_PYTHON = re.compile(
    r"No module named '(?:asynchat|asyncore|binhex|cgi|cgitb|crypt|distutils|formatter|imghdr|imp|lib2to3|parser|pipes|smtpd|telnetlib|uu)(?:\.\w+)?'"
    r"|cannot import name '\w+' from '(?:collections|fractions|asyncio|inspect)'"
    r"|_PyErr_StackItem|longintrepr\.h|has no member named [‘'](?:exc_type|recursion_depth|ob_digit)|PyUnicode_AS_UNICODE|_PyUnicode_get_wstr_length"
    r"|module '(?:asyncio|collections|configparser|fractions|inspect|pkgutil|ssl|time)' has no attribute '"
)
"""Messages of packages that use what newer versions of Python no longer have (docs.python.org/3/whatsnew, "Removed" of 3.8 to 3.13),
and of C compilers that build such a package."""
FAULTS_OF_THE_COMMIT = (
    *("build-failed", "not-recognized", "too-large", "unsupported", "version-unavailable"),
    *("never-listens", "wrong-port"),
)
"""Reasons whose detail says what to change in the repository."""
FAULTS_OF_THE_PLATFORM = ("cluster-refused", "not-ready", "removed", "image-not-kept", "image-not-pulled")
"""Reasons that another deployment of the same commit may not have."""
RESTRICTIONS = ("subscription-suspended", "usage-exhausted", "over-quota")
"""Of the account."""
UNHEALTHY = ("unhealthy", "does-not-answer")


def failure_hint(application: str, view: Json) -> str:
    """Return a sentence with a command, or a command."""
    reason, app = view["reason"], f"--app {application}"
    if view["status"] == "cancelled":
        return f"capsule deploy {app}"
    if REMOVED_FROM_PYTHON.search(view["detail"] or "") is not None:
        return f"Choose an older Python in .python-version (3.9, for example), push a commit, then: capsule deploy {app}"
    if reason == "wrong-port" and (port := OTHER_PORT.search(view["detail"] or "")) is not None:
        return f"Listen on $PORT, or name its port: capsule apps update {application} --port {port[1]}; then: capsule deploy {app}"
    if reason in FAULTS_OF_THE_COMMIT:
        return _fix_commit(application)
    if reason in FAULTS_OF_THE_PLATFORM:
        return f"Try again: capsule deploy --env {view['environment']} {app}"
    if reason in RESTRICTIONS:
        return f"capsule quota, and when the restriction has ended: capsule deploy --env {view['environment']} {app}"
    if reason in UNHEALTHY:
        return f"See why: {_logs(application, view)}; another path: capsule apps update {application} --health-path PATH"
    if (hint := HINTS.get(reason)) is not None:
        return hint(application, view)
    if (missing := MISSING_VARIABLE.search(view["detail"] or "")) is not None:
        return f"Set the variable: capsule env set {missing[1]}=VALUE --env {view['environment']} {app}"
    return _logs(application, view)


def _fix_commit(application: str) -> str:
    return f"Fix it, push a commit, then: capsule deploy --app {application}"


def _logs(application: str, view: Json) -> str:
    component = " --build" if is_ended_in_build(view) else ""
    return f"capsule logs{component} --deployment {view['id']} --app {application}"


def _image_unavailable(application: str, view: Json) -> str:
    """An image that a Dockerfile of the commit names, or the application's own image."""
    return _fix_commit(application) if view["commit"] else f"Check the image's reference: capsule apps show {application}"


def _out_of_memory(application: str, view: Json) -> str:
    if is_ended_in_build(view):
        return f"Make the build need less memory (fewer parallel jobs, smaller assets), push a commit, then: capsule deploy --app {application}"
    return f"capsule scale --memory MIB --env {view['environment']} --app {application}"


def _timed_out(application: str, view: Json) -> str:
    step = view["steps"][-1]["step"] if view["steps"] else ""
    return f"See where it stopped: {_logs(application, view)}" if step else f"capsule deploy --app {application}"


HINTS: dict[str, Callable[[str, Json], str]] = {
    "ref-not-found": lambda application, view: f"Push the ref, or name another: capsule deploy --ref BRANCH --app {application}",
    "repository-not-found": lambda application, view: f"Check the repository's address: capsule apps show {application}",
    "repository-private": lambda application, view: f"Check the repository's address and access: capsule apps show {application}",
    "host-key-changed": lambda application, view: f"Check the repository's address and access: capsule apps show {application}",
    "image-unavailable": _image_unavailable,
    "out-of-memory": _out_of_memory,
    "disk-full": lambda application, view: f"Write less to the disk, or to a database or object storage; see: {_logs(application, view)}",
    "timed-out": _timed_out,
    "host-name-taken": lambda application, view: (
        f"Choose another name for the environment or the application: capsule environments create NAME --app {application}"
    ),
    "environment-deleted": lambda application, view: f"capsule environments create {view['environment']} --app {application}",
    "application-deleted": lambda application, view: "capsule apps list",
}
