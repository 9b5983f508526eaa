"""Reasons why a build fails: a stable identifier for programs and a sentence for the user."""

REPOSITORY_NOT_FOUND = "repository-not-found"
REPOSITORY_PRIVATE = "repository-private"
HOST_KEY_CHANGED = "host-key-changed"
REF_NOT_FOUND = "ref-not-found"
NOT_RECOGNIZED = "not-recognized"
UNSUPPORTED = "unsupported"
BUILD_FAILED = "build-failed"
TOO_LARGE = "too-large"
TIMED_OUT = "timed-out"
VERSION_UNAVAILABLE = "version-unavailable"
OUT_OF_MEMORY = "out-of-memory"
IMAGE_UNAVAILABLE = "image-unavailable"


class BuildFailure(Exception):
    """A failure that the user can act on.

    `output` holds the last lines of the program that failed. They are part of the termination message but not of the
    last line of the log, which already shows them above.
    """

    def __init__(self, reason: str, detail: str, output: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.output = output
