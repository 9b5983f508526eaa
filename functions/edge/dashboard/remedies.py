"""What to do after a failed deployment, by its reason: a sentence, and the page that helps."""

import re
from dataclasses import dataclass

from functions.edge.dashboard.api import Json

MISSING_VARIABLE = re.compile(r"KeyError: '([A-Z][A-Z0-9_]*)'")
"""Python's message for a variable that is read from `os.environ` and not set."""
CHANGE_THE_COMMIT = "Correct it in the repository, push a commit, and deploy again."
DEPLOY_AGAIN = "It may not happen again: deploy again."
SETTINGS, OVERVIEW = ("settings", "Settings"), ("", "Overview")
BUILD_REASONS = ("build-failed", "not-recognized", "too-large", "unsupported", "version-unavailable")


@dataclass(frozen=True, slots=True)
class Remedy:
    """`path`, `label`: the page that helps; empty without one."""

    sentence: str
    path: str = ""
    label: str = ""


SENTENCES: dict[str, tuple[str, tuple[str, str] | None]] = {
    **dict.fromkeys(BUILD_REASONS, (CHANGE_THE_COMMIT, None)),
    **dict.fromkeys(("never-listens", "wrong-port"), ("Listen on the port in $PORT, or name the port that it listens on in the settings.", SETTINGS)),
    **dict.fromkeys(("cluster-refused", "not-ready", "removed", "image-not-kept", "image-not-pulled"), (DEPLOY_AGAIN, OVERVIEW)),
    **dict.fromkeys(("unhealthy", "does-not-answer"), ("Its log says why. If another path shows that it is healthy, name that path.", SETTINGS)),
    "exits-at-start": ("The process ended instead of listening on $PORT; the end of the log below says why.", None),
    "crashes": ("The process ended while it served; the end of the log below says why.", None),
    "process-crashes": ("A process beside web ends again and again; its log says why.", OVERVIEW),
    "release-phase-failed": ("The release command failed; its output is in the log below. Correct it, or change the command.", SETTINGS),
    "ref-not-found": ("Push the ref, or deploy another one.", OVERVIEW),
    "repository-not-found": ("Check the address of the repository.", SETTINGS),
    **dict.fromkeys(("repository-private", "host-key-changed"), ("Check the repository's address, and its deploy key or access token.", SETTINGS)),
    "image-unavailable": ("Check the name of the image, and that it is public.", SETTINGS),
    "out-of-memory": ("Give the environment more memory under Size, or make the application need less.", OVERVIEW),
    "disk-full": ("Write less to the disk: use a database or object storage.", None),
    "timed-out": ("The log below shows where it stopped.", None),
    "host-name-taken": ("Choose another name for the environment.", OVERVIEW),
    "environment-deleted": ("Create the environment again, and deploy.", OVERVIEW),
    "not-measured": ("The platform does not measure requests at present. Its operator must repair its collector; then deploy again.", None),
    "failing-requests": ("Too many requests were answered with 5xx. The log of this release says why; correct it and deploy again.", None),
}
"""Reason → what to do, and last segment and name of the page of the application that helps."""
RESTRICTIONS = ("subscription-suspended", "usage-exhausted", "over-quota")


def remedy(application: Json, deployment: Json) -> Remedy:
    """Return the next step after a deployment that failed or was rolled back."""
    base, reason, detail = f"/apps/{application['id']}", deployment["reason"], deployment["detail"] or ""
    if reason in RESTRICTIONS:
        return Remedy("The team's plan or quota does not allow it at present.", "/billing", "Billing")
    if missing := MISSING_VARIABLE.search(detail):
        return Remedy(f"Set the variable {missing[1]}.", f"{base}/configuration?environment={deployment['environment']}", "Configuration")
    sentence, page = SENTENCES.get(reason, ("The log below says why. Correct the cause, and deploy again.", None))
    return Remedy(sentence, f"{base}/{page[0]}".rstrip("/"), page[1]) if page else Remedy(sentence)
