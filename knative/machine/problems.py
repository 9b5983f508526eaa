"""The exception of this package: an error for the person at the terminal, with a remedy."""


class Problem(Exception):
    """Ends a task with exit code 1.

    `message` says what is wrong, with the value at fault; `remedy` says what to do about it, and may be empty.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class NotApplicable(Problem):
    """A Problem with something that this installation does not have, or not now. Nothing was changed."""
