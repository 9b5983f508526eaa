"""Rejections of domains. The docstring of each is the title of its problem document (RFC 9457)."""

from typing import Self

from functions.deploy.domain.rejections import InvalidFields
from functions.kernel import Conflict, FieldError, Invalid, NotFound


class InvalidDomain(InvalidFields):
    """Invalid domain."""

    @classmethod
    def host(cls, detail: str) -> Self:
        return cls.of([FieldError("/host", detail)])


class DomainReserved(Conflict):
    """The domain is the platform's."""

    @classmethod
    def of(cls, host: str, reserved: str) -> Self:
        return cls(f"{host} belongs to the platform, as all of {reserved}. Use a domain of your own.", errors=[FieldError("/host", "is reserved")])


class DomainTaken(Conflict):
    """The domain is in use. One domain serves one environment."""

    @classmethod
    def of(cls, host: str) -> Self:
        detail = f"{host} belongs to another environment of this installation. Remove it there first."
        return cls(detail, errors=[FieldError("/host", "is taken")])

    @classmethod
    def by_application(cls, host: str, environment: str) -> Self:
        """The application has it itself, proven or not."""
        detail = f"{host} is a domain of {environment} of this application already: capsule domains show {host}"
        return cls(detail, errors=[FieldError("/host", "is taken")])


class DomainNotFound(NotFound):
    """Domain not found."""

    @classmethod
    def of(cls, host: str) -> Self:
        return cls(f"This application has no domain {host}. List them: capsule domains list")


class DomainNotVerified(Conflict):
    """The ownership of the domain is not proven."""

    @classmethod
    def of(cls, host: str) -> Self:
        return cls(f"The ownership of {host} is not proven. What is missing: capsule domains check {host}")


class TooManyDomains(Conflict):
    """The account has as many domains as it may have. Remove one first."""

    @classmethod
    def of(cls, limit: int) -> Self:
        return cls(f"The account has {limit} domains, the most it may have. Remove one first: capsule domains remove DOMAIN")


class InvalidCertificate(Invalid):
    """The certificate cannot be used for the domain."""

    @classmethod
    def of(cls, field: str, detail: str) -> Self:
        return cls(detail, errors=[FieldError(f"/{field}", detail)])
