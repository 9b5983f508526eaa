"""Decodes a message's body into a use case's input: JSON, upcast to the current version, secrets opened, validated."""

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from functions.kernel import Declaration, FieldError, Invalid, MissingUpcaster, Permanent, Transient, json_pointer, upcast
from functions.runtime.security.encryption import CannotUnseal, Opener
from functions.wire.cloudevents import Message
from functions.wire.problems import invalid_input


class NewerVersion(Transient):
    """A newer release wrote the message. During a roll-out a retry may reach the new code."""


class Unreadable(Permanent):
    """No upcaster converts the message's version to the current one."""


class InputDecoder:
    """Decodes the input of one function."""

    def __init__(self, declaration: Declaration, opener: Opener) -> None:
        assert declaration.input is not None
        self._name = declaration.name
        self._type = declaration.message_type or declaration.name
        self._version = declaration.input_version
        self._model = declaration.input
        self._opener = opener
        fields = declaration.input.model_fields
        self._secret_aliases = [fields[name].alias or name for name in declaration.secret_fields]

    def decode(self, message: Message) -> BaseModel:
        """Raises Invalid, with a pointer to each invalid field; NewerVersion; Unreadable."""
        try:
            if self._secret_aliases:
                return self._model.model_validate(self._open_secrets(self._current_document(message)))
            is_current = message.version == self._version
            return self._model.model_validate_json((message.body or b"{}") if is_current else json.dumps(self._current_document(message)))
        except ValidationError as error:
            raise invalid_input(error) from error

    def _current_document(self, message: Message) -> dict[str, Any]:
        """Return the body as the current version has it."""
        if message.version > self._version:
            raise NewerVersion(
                f"version {message.version} of {self._type} is newer than {self._version}, which this release of {self._name} reads:"
                " finish the roll-out, then replay the message"
            )
        try:
            document = json.loads(message.body or b"{}")
        except ValueError as error:
            raise Invalid(f"the body is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise Invalid("the body must be a JSON object")
        try:
            return upcast(self._type, document, message.version, self._version)
        except MissingUpcaster as error:
            raise Unreadable(str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise Invalid(f"the body is not version {message.version} of {self._type}: {type(error).__name__}: {error}") from error

    def _open_secrets(self, document: dict[str, Any]) -> Any:
        for alias in self._secret_aliases:
            if alias in document:
                document[alias] = self._open(document[alias], (alias,))
        return document

    def _open(self, value: Any, path: tuple[str, ...]) -> Any:
        """Open a sealed text, or each value of an object. Other types are left to the validation."""
        if isinstance(value, dict):
            return {name: self._open(inner, (*path, name)) for name, inner in value.items()}
        if not isinstance(value, str):
            return value
        try:
            return self._opener.open(value)
        except CannotUnseal as error:
            raise Invalid(str(error), errors=[FieldError(json_pointer(path), str(error))]) from error
