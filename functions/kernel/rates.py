"""Which rate limits apply to a route. The limits themselves are settings of the gateway."""

from enum import StrEnum


class RateClass(StrEnum):
    """The default follows from the declaration: queries are reads, commands are writes, commands for anyone are credentials."""

    READS = "reads"
    WRITES = "writes"
    CREDENTIALS = "credentials"
    """Strict: the route checks a password or a token of an e-mail, or sends an e-mail, so its repetition guesses or annoys."""
