"""Maintenance of an environment: what its visitors get instead of the application."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from functions.deploy.domain.rejections import InvalidMaintenance
from functions.kernel import FieldError, Model, is_line

MAX_MESSAGE_LENGTH = 500
RETRY_AFTER_SECONDS = range(1, int(timedelta(days=7).total_seconds()) + 1)
DEFAULT_RETRY_AFTER_SECONDS = 300
MESSAGE = re.compile(r"[^\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Raises InvalidMaintenance."""

    started_at: datetime
    message: str | None = None
    """What visitors read. None: a general sentence."""
    retry_after_seconds: int = DEFAULT_RETRY_AFTER_SECONDS
    """The header Retry-After (RFC 9110 section 10.2.3)."""

    def __post_init__(self) -> None:
        errors = []
        if self.message is not None and not (self.message and len(self.message) <= MAX_MESSAGE_LENGTH and MESSAGE.fullmatch(self.message)):
            errors.append(FieldError("/message", f"message: use one line of 1–{MAX_MESSAGE_LENGTH} characters"))
        if self.retry_after_seconds not in RETRY_AFTER_SECONDS:
            bounds = f"{RETRY_AFTER_SECONDS.start}–{RETRY_AFTER_SECONDS.stop - 1}"
            errors.append(FieldError("/retryAfterSeconds", f"retry after {self.retry_after_seconds} s: use {bounds} (seven days)"))
        if errors:
            raise InvalidMaintenance.of(errors)

    @classmethod
    def start(cls, at: datetime, message: str | None, retry_after_seconds: int) -> Self:
        """Raises InvalidMaintenance, also for a message that stored ones of an older release may be."""
        if message is not None and not is_line(message):
            raise InvalidMaintenance.of([FieldError("/message", "message: use one line of visible characters")])
        return cls(at, message, retry_after_seconds)

    def says_the_same_as(self, other: "Maintenance | None") -> bool:
        return other is not None and (self.message, self.retry_after_seconds) == (other.message, other.retry_after_seconds)


class MaintenanceView(Model):
    started_at: datetime
    message: str | None
    retry_after_seconds: int

    @classmethod
    def of(cls, maintenance: Maintenance | None) -> Self | None:
        if maintenance is None:
            return None
        return cls(started_at=maintenance.started_at, message=maintenance.message, retry_after_seconds=maintenance.retry_after_seconds)
