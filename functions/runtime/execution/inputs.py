"""From a message's body to a use case's input: JSON, raised to today's version, sealed fields opened, validated by the declared model."""

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from functions.kernel import Declaration, FieldError, Invalid, MissingUpcaster, Permanent, Transient, upcast
from functions.runtime.security.encryption import CannotUnseal, Opener
from functions.wire.cloudevents import Message
from functions.wire.problems import invalid_input


class NewerVersion(Transient):
    """A newer release has written it, in a version that this one does not know. During a roll-out the next try may meet the new code."""


class Unreadable(Permanent):
    """It was written by a version from which no step leads to today's."""


class InputDecoder:
    def __init__(self, declaration: Declaration, opener: Opener) -> None:
        assert declaration.input is not None
        self._name = declaration.name
        self._type = declaration.message_type or declaration.name
        self._version = declaration.input_version
        self._model = declaration.input
        self._opener = opener
        fields = declaration.input.model_fields
        self._secrets = {name: fields[name].alias or name for name in declaration.secret_fields}

    def read(self, message: Message) -> BaseModel:
        """Raises Invalid, with a pointer to each fault; NewerVersion and Unreadable."""
        try:
            if self._secrets:
                return self._model.model_validate(self._opened(self._raised(message)))
            today = message.version == self._version
            return self._model.model_validate_json((message.body or b"{}") if today else json.dumps(self._raised(message)))
        except ValidationError as error:
            raise invalid_input(error) from error

    def _raised(self, message: Message) -> dict[str, Any]:
        """The JSON object, as today's version has it."""
        if message.version > self._version:
            raise NewerVersion(
                f"it is version {message.version} of {self._type}, and {self._name} of this release reads up to {self._version}:"
                " finish the roll-out, then replay it"
            )
        try:
            document = json.loads(message.body or b"{}")
        except ValueError as error:
            raise Invalid(f"the body is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise Invalid("the body must be a JSON object")
        try:
            return upcast(self._type, document, message.version, self._version)
        except MissingUpcaster as error:
            raise Unreadable(str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise Invalid(f"it is no version {message.version} of {self._type}: {type(error).__name__}: {error}") from error

    def _opened(self, document: dict[str, Any]) -> Any:
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
