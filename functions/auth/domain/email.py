"""An e-mail address that identifies an account: syntactically valid, normalized, lower case."""

from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from functions.auth.domain.rejections import (
    InvalidEmail,
)
from functions.kernel import FieldError


@dataclass(frozen=True, slots=True, init=False)
class Email:
    address: str

    def __init__(self, text: str) -> None:
        """Raises InvalidEmail. Domains of private networks (`ada@build.internal`) are accepted: Capsule is self-hosted."""
        try:
            valid = validate_email(text.strip(), strict=True, check_deliverability=False, globally_deliverable=False)
        except EmailNotValidError as error:
            detail = f'"{text.strip()}" is not an e-mail address: {error}'
            raise InvalidEmail(detail, errors=[FieldError("/email", str(error))]) from error
        object.__setattr__(self, "address", valid.normalized.lower())

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        return self.address
