"""The ways in which monitor says no. Another's is answered like what does not exist."""

from functions.kernel import Conflict, Invalid, NotFound


class ApplicationNotFound(NotFound):
    """There is no such application, or it is not yours."""


class TimelineNotFound(NotFound):
    """Nothing of yours is known under this correlation id (it may take a few seconds until it is)."""


class BadRange(Invalid):
    """The time range and its step do not fit together."""


class BadSearch(Invalid):
    """This is not a way to look for lines."""


class InvalidRule(Invalid):
    """A rule cannot be like this."""


class TooManyRules(Conflict):
    """The application has as many rules as it may have; delete one first."""


class RuleNotFound(NotFound):
    """There is no such rule, or it is not yours."""


class AlertNotFound(NotFound):
    """There is no such alert, or it is not yours."""


class ChannelNotFound(NotFound):
    """There is no such channel, or it is not yours."""


class TooManyChannels(Conflict):
    """The application has as many channels as it may have; delete one first."""


class InvalidWebhook(Invalid):
    """Notifications cannot be sent to this address."""
