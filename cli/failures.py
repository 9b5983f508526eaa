"""What can go wrong, as a person reads it and as a script does: the API's problem documents (RFC 9457) become sentences and exit codes."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNAVAILABLE = 6
    INTERRUPTED = 130


class Failure(Exception):
    """Ends a command: a title, perhaps why, perhaps what to do about it, and the exit code that says which kind it is."""

    def __init__(self, title: str, detail: str = "", *, hint: str = "", exit: Exit = Exit.FAILED) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint
        self.exit = exit

    def document(self) -> dict[str, Any]:
        """What `--json` prints to standard error."""
        said = {"title": self.title, "detail": self.detail, "hint": self.hint, "exitCode": int(self.exit)}
        return {name: value for name, value in said.items() if value != ""}


class Refused(Failure):
    """The API's no: its problem document."""

    def __init__(self, status: int, document: Mapping[str, Any], request_id: str = "") -> None:
        self.status = status
        self.problem = dict(document)
        self.request_id = str(self.problem.get("requestId") or request_id)
        title = str(self.problem.get("title") or f"The API answered {status}")
        super().__init__(title, str(self.problem.get("detail") or ""), hint=hint_for(status, self.type), exit=exit_for(status))

    @property
    def type(self) -> str:
        """The last word of the problem's address: `application-not-found`."""
        return str(self.problem.get("type") or "").rpartition("/")[2]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Where in the input, and what is wrong there."""
        found = []
        for fault in self.problem.get("errors") or []:
            place = str(fault.get("pointer") or "").strip("/").replace("/", ".").replace("~1", "/").replace("~0", "~")
            found.append((place or str(fault.get("in") or "input"), str(fault.get("detail") or "")))
        return found

    def document(self) -> dict[str, Any]:
        return {**self.problem, **super().document(), "status": self.status, "requestId": self.request_id}


class NoSuch(Failure):
    def __init__(self, title: str, detail: str = "", *, hint: str = "") -> None:
        super().__init__(title, detail, hint=hint, exit=Exit.NOT_FOUND)


class WrongUse(Failure):
    def __init__(self, title: str, detail: str = "", *, hint: str = "") -> None:
        super().__init__(title, detail, hint=hint, exit=Exit.USAGE)


class NotSignedIn(Failure):
    def __init__(self, title: str = "You are not signed in", detail: str = "") -> None:
        super().__init__(title, detail, hint="capsule login", exit=Exit.NOT_SIGNED_IN)


class Unreachable(Failure):
    """No answer came from the API at all."""

    def __init__(self, api: str, why: str) -> None:
        super().__init__(
            f"{api} does not answer", why, hint="is Capsule up there? CAPSULE_API=… or --api names another address", exit=Exit.UNAVAILABLE
        )


def exit_for(status: int) -> Exit:
    match status:
        case 400 | 413 | 415 | 422:
            return Exit.USAGE
        case 401:
            return Exit.NOT_SIGNED_IN
        case 404 | 410:
            return Exit.NOT_FOUND
        case 429 | 502 | 503 | 504:
            return Exit.UNAVAILABLE
        case _ if 400 <= status < 500:
            return Exit.REFUSED
    return Exit.FAILED


def hint_for(status: int, type: str) -> str:
    if type == "email-not-verified":
        return "follow the link in the mail, or: capsule verify TOKEN"
    if type == "no-such-route":
        return "this Capsule is older than this command"
    if status == 401 and type == "unauthenticated":
        return "capsule login"
    return ""
