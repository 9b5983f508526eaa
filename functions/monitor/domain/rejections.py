"""Rejections of the monitor context. A resource of another user is answered like one that does not exist."""

from collections.abc import Iterable
from typing import Self

from functions.kernel import Conflict, Invalid, NotFound


class ApplicationNotFound(NotFound):
    """No such application, or it is not yours."""


class EnvironmentNotFound(NotFound):
    """The application has no such environment."""

    @classmethod
    def of(cls, application: str, name: str, existing: Iterable[str]) -> Self:
        return cls(f'Environment "{name}" of {application} does not exist. Existing environments: {", ".join(sorted(existing))}.')


class TimelineNotFound(NotFound):
    """No timeline for this correlation id."""


class BadRange(Invalid):
    """The time range does not fit its step."""


class BadSearch(Invalid):
    """The search cannot be parsed."""


class InvalidRule(Invalid):
    """The alert rule is not valid."""


class TooManyRules(Conflict):
    """The application has the maximum number of alert rules. Delete one first."""


class RuleNotFound(NotFound):
    """No such alert rule, or it is not yours."""


class AlertNotFound(NotFound):
    """No such alert, or it is not yours."""


class ChannelNotFound(NotFound):
    """No such webhook, or it is not yours."""


class TooManyChannels(Conflict):
    """The application has the maximum number of webhooks. Delete one first."""


class InvalidWebhook(Invalid):
    """The webhook URL is not valid."""
