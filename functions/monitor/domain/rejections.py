"""The ways in which monitor says no. Another's is answered like what does not exist."""

from functions.kernel import Invalid, NotFound


class ApplicationNotFound(NotFound):
    """There is no such application, or it is not yours."""


class TimelineNotFound(NotFound):
    """Nothing of yours is known under this correlation id (it may take a few seconds until it is)."""


class BadRange(Invalid):
    """The time range and its step do not fit together."""
