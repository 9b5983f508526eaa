"""The one exception of this package: what is wrong and what to do about it, in words for the person at the terminal."""


class Problem(Exception):
    """Ends a command with exit code 1; `remedy` is what the person can do now."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
