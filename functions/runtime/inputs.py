"""From a message's body to a use case's input: JSON, sealed fields opened, validated by the declared model."""

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from functions.kernel import Declaration, FieldError, Invalid
from functions.runtime.answers import invalid
from functions.runtime.envelope import Message
from functions.runtime.sealing import CannotUnseal, Opener


class Reader:
    def __init__(self, declaration: Declaration, opener: Opener) -> None:
        assert declaration.input is not None
        self._model = declaration.input
        self._opener = opener
        fields = declaration.input.model_fields
        self._secrets = {name: fields[name].alias or name for name in declaration.secret_fields}

    def read(self, message: Message) -> BaseModel:
        """Raises Invalid, with a pointer to each fault."""
        try:
            if not self._secrets:
                return self._model.model_validate_json(message.body or b"{}")
            return self._model.model_validate(self._opened(message.body))
        except ValidationError as error:
            raise invalid(error) from error

    def _opened(self, body: bytes) -> Any:
        try:
            document = json.loads(body or b"{}")
        except ValueError as error:
            raise Invalid(f"the body is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise Invalid("the body must be a JSON object")
        for alias in self._secrets.values():
            if alias in document:
                document[alias] = self._open(document[alias], f"/{alias}")
        return document

    def _open(self, value: Any, pointer: str) -> Any:
        """A sealed text, or each of an object's; whatever else there is fails as what it is."""
        if isinstance(value, dict):
            return {name: self._open(inner, f"{pointer}/{name}") for name, inner in value.items()}
        if not isinstance(value, str):
            return value
        try:
            return self._opener.open(value)
        except CannotUnseal as error:
            raise Invalid(str(error), errors=[FieldError(pointer, str(error))]) from error
