"""The URL of an external service: which are accepted."""

from urllib.parse import urlsplit

from functions.kernel import FieldError

SCHEMES = ("postgresql", "postgres", "mysql", "redis", "rediss", "valkey", "mongodb", "mongodb+srv", "amqp", "amqps", "https", "http")
MAX_LENGTH = 2000


def url_errors(url: str) -> list[FieldError]:
    """The value is not repeated: it contains a password."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in SCHEMES and bool(parts.hostname or parts.query) and parts.port != 0
    except ValueError:
        is_valid = False
    if is_valid and len(url) <= MAX_LENGTH and not any(character.isspace() or character < " " for character in url):
        return []
    example = "postgresql://user:password@db.example.com:5432/shop"
    return [FieldError("/url", f"URL: use {', '.join(SCHEMES)}, as in {example}, with at most {MAX_LENGTH} characters")]
