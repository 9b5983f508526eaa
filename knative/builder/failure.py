"""Why a repository did not become an image: a stable word, and a sentence for the person who wants to mend it."""

REPOSITORY_NOT_FOUND = "repository-not-found"
REPOSITORY_PRIVATE = "repository-private"
REF_NOT_FOUND = "ref-not-found"
NOT_RECOGNIZED = "not-recognized"
BUILD_FAILED = "build-failed"
TOO_LARGE = "too-large"
TIMED_OUT = "timed-out"


class Failure(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
