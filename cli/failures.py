"""Errors of the command: what a person reads, what a script parses, and the exit code."""

import time
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

NEXT_STEPS = {
    "email-not-verified": "Follow the link in the e-mail, or: capsule verify LINK",
    "expired-verification-token": "capsule verify --resend ADDRESS",
    "unknown-verification-token": "capsule verify --resend ADDRESS",
    "used-verification-token": "capsule login",
    "token-not-found": "capsule tokens list",
    "session-not-found": "capsule sessions list",
    "recent-login-required": "capsule login",
    "wrong-credentials": "Try again, or create an account: capsule register",
    "no-such-route": "The server is older than this command. Update the server or use an older command.",
    "application-not-found": "capsule apps list",
    "application-is-deployed": "capsule apps create NAME REPOSITORY",
    "application-name-taken": "Choose another name.",
    "environment-not-found": "capsule environments list, or: capsule environments create NAME",
    "webhook-not-found": "capsule webhooks list",
    "invalid-event-types": "capsule webhooks event-types",
    "run-not-found": "capsule runs list",
    "too-many-runs": "capsule runs list, then: capsule runs cancel RUN",
    "terminals-unavailable": "capsule run --detach COMMAND",
    "data-service-not-found": "capsule services list",
    "environment-is-stopped": "capsule start",
    "environment-not-stopped": "capsule restart",
    "deployment-not-found": "capsule status",
    "deployment-in-progress": "Wait for it (capsule status) or stop it (capsule cancel).",
    "release-not-found": "capsule releases",
    "no-earlier-release": "capsule releases",
    "nothing-released": "capsule deploy",
    "application-quota-exceeded": "capsule quota, or a larger plan: capsule plans",
    "memory-quota-exceeded": "capsule quota, or a larger plan: capsule plans",
    "over-quota": "capsule quota, or a larger plan: capsule plans",
    "usage-exhausted": "capsule quota, or a larger plan: capsule plans",
    "subscription-suspended": "capsule invoices list, then: capsule invoices pay NUMBER",
    "environment-is-paused": "capsule quota",
    "invoice-not-found": "capsule invoices list",
    "invoice-not-open": "capsule invoices list",
    "payment-overdue": "capsule invoices list, then: capsule invoices pay NUMBER",
    "payment-method-missing": "Pass --payment-method ID.",
    "plan-not-offered": "capsule plans",
    "already-subscribed": "capsule subscription show",
    "nothing-to-cancel": "capsule subscription show",
    "nothing-to-resume": "capsule subscription show",
    "alert-not-found": "capsule alerts list",
    "rule-not-found": "capsule alert-rules list",
    "channel-not-found": "capsule alert-channels list",
}
"""What to do about a problem, by the last segment of its type."""


START_HINT = "Start it: ./taskw up. Other address: --api ADDRESS or CAPSULE_API."
ADDRESS_HINT = "Check the address and your network. Other address: --api ADDRESS or CAPSULE_API."


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNAVAILABLE = 6
    INTERRUPTED = 130


class Failure(Exception):
    """Ends a command: a title, the reason, the next step and an exit code."""

    def __init__(self, title: str, detail: str = "", *, hint: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint
        self.exit_code = exit_code

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints to standard error."""
        fields = {"title": self.title, "detail": self.detail, "hint": self.hint, "exitCode": int(self.exit_code)}
        return {name: value for name, value in fields.items() if value != ""}


class ApiError(Failure):
    """An error response of the API with its problem document (RFC 9457)."""

    def __init__(self, status: int, document: Mapping[str, Any], *, request_id: str = "", retry_after_seconds: int | None = None) -> None:
        self.status = status
        self.problem = dict(document)
        self.request_id = str(self.problem.get("requestId") or request_id)
        title = str(self.problem.get("title") or f"The API answered {status}")
        hint = hint_for(status, self.type, retry_after_seconds)
        super().__init__(title, str(self.problem.get("detail") or ""), hint=hint, exit_code=exit_code_for(status))

    @property
    def type(self) -> str:
        """The last segment of the problem's type: `application-not-found`."""
        return str(self.problem.get("type") or "").rpartition("/")[2]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """The faults of the input as (field, description), such as ("variables.PORT", "is set by the platform")."""
        faults = []
        for fault in self.problem.get("errors") or []:
            field = str(fault.get("pointer") or "").strip("/").replace("/", ".").replace("~1", "/").replace("~0", "~")
            faults.append((field or str(fault.get("in") or "input"), str(fault.get("detail") or "")))
        return faults

    def document(self) -> dict[str, Any]:
        return {**self.problem, **super().document(), "status": self.status, "requestId": self.request_id}


class NotFound(Failure):
    def __init__(self, title: str, detail: str = "", *, hint: str = "") -> None:
        super().__init__(title, detail, hint=hint, exit_code=ExitCode.NOT_FOUND)


class UsageError(Failure):
    def __init__(self, title: str, detail: str = "", *, hint: str = "") -> None:
        super().__init__(title, detail, hint=hint, exit_code=ExitCode.USAGE)


class NotSignedIn(Failure):
    def __init__(self, title: str = "You are not signed in", detail: str = "", *, hint: str = "capsule login") -> None:
        super().__init__(title, detail, hint=hint, exit_code=ExitCode.NOT_SIGNED_IN)


class ApiUnreachable(Failure):
    """No response came from the API. `is_local`: whether it is on this machine, where Capsule may be stopped."""

    def __init__(self, api: str, reason: str, *, is_local: bool = True) -> None:
        readable = "connection refused" if "refused" in reason.lower() else reason
        is_untrusted = "CERTIFICATE_VERIFY_FAILED" in reason
        hint = START_HINT if is_local else ADDRESS_HINT
        if is_untrusted:
            hint = "Name the file with its authority: CAPSULE_CA_FILE=PATH."
        super().__init__(f"Cannot connect to {api}", readable, hint=hint, exit_code=ExitCode.UNAVAILABLE)


def exit_code_for(status: int) -> ExitCode:
    match status:
        case 400 | 413 | 415 | 422:
            return ExitCode.USAGE
        case 401:
            return ExitCode.NOT_SIGNED_IN
        case 404 | 410:
            return ExitCode.NOT_FOUND
        case 429 | 502 | 503 | 504:
            return ExitCode.UNAVAILABLE
        case _ if 400 <= status < 500:
            return ExitCode.REFUSED
    return ExitCode.FAILED


def hint_for(status: int, problem_type: str, retry_after_seconds: int | None = None) -> str:
    """Return the next step after an error response; empty if there is none."""
    if retry_after_seconds is not None and status in (429, 503, 504):
        return retry_hint(retry_after_seconds, time.time())
    if status == 401 and problem_type == "unauthenticated":
        return "capsule login"
    return NEXT_STEPS.get(problem_type, "")


def retry_hint(seconds: int, now: float) -> str:
    """Return when to try again, such as "Try again in 15 min (at 18:07)."; `now` is a Unix time."""
    if seconds < 60:
        return f"Try again in {max(seconds, 1)} s."
    at = time.strftime("%H:%M", time.localtime(now + seconds + 59))  # the minute after which it succeeds
    return f"Try again in {-(-seconds // 60)} min (at {at})."
