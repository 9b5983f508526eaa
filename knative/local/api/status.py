"""Errors of the API as Kubernetes' Status objects, with the codes, reasons and messages that clients expect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from knative.local.definitions import Definition
from knative.local.objects import Object


@dataclass(frozen=True)
class Cause:
    """One error in a body: its field, a message, and a reason (FieldValueInvalid, FieldValueRequired, …)."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def json(self) -> Object:
        return {"reason": self.reason, "message": self.message, "field": self.field}


class StatusError(Exception):
    """A request that is answered with a Status of failure."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}

    def status(self) -> Object:
        return {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details, "code": self.code,
        }  # fmt: skip


def target_details(definition: Definition, name: str = "") -> dict[str, Any]:
    return {"group": definition.group, "kind": definition.plural, **({"name": name} if name else {})}


def success(definition: Definition, name: str, uid: str) -> Object:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": name, "group": definition.group, "kind": definition.plural, "uid": uid},
    }  # fmt: skip


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unknown_fields(definition: Definition, paths: Sequence[str]) -> StatusError:
    errors = ", ".join(f'unknown field "{path}"' for path in paths)
    message = f'{definition.kind} in version "{definition.version}" cannot be handled as a {definition.kind}: strict decoding error: {errors}'
    causes = [Cause(path, f'unknown field "{path}"', "FieldValueNotSupported") for path in paths]
    return StatusError(400, "BadRequest", message, {"causes": [cause.json() for cause in causes]})


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(definition: Definition, name: str, reason: str) -> StatusError:
    return StatusError(403, "Forbidden", f'{definition.resource} "{name}" is forbidden: {reason}', target_details(definition, name))


def not_found(definition: Definition, name: str) -> StatusError:
    return StatusError(404, "NotFound", f'{definition.resource} "{name}" not found', target_details(definition, name))


def unknown_path() -> StatusError:
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def not_allowed() -> StatusError:
    return StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def already_exists(definition: Definition, name: str) -> StatusError:
    return StatusError(409, "AlreadyExists", f'{definition.resource} "{name}" already exists', target_details(definition, name))


def conflict(definition: Definition, name: str, reason: str) -> StatusError:
    return StatusError(
        409, "Conflict", f'Operation cannot be fulfilled on {definition.resource} "{name}": {reason}', target_details(definition, name)
    )


def apply_conflict(conflicts: Sequence[tuple[str, str]], message: str) -> StatusError:
    """Server-side apply of fields that other managers own. `conflicts`: (message, field)."""
    causes = [Cause(field, text, "FieldManagerConflict").json() for text, field in conflicts]
    return StatusError(409, "Conflict", message, {"causes": causes})


def expired(message: str) -> StatusError:
    return StatusError(410, "Expired", message)


def unsupported(message: str) -> StatusError:
    return StatusError(415, "UnsupportedMediaType", message)


def internal_error() -> StatusError:
    return StatusError(500, "InternalError", "Internal error occurred; see the server's log")


def invalid(definition: Definition, name: str, causes: Sequence[Cause]) -> StatusError:
    errors = [f"{cause.field}: {cause.message}" for cause in causes]
    message = errors[0] if len(errors) == 1 else "[" + ", ".join(errors) + "]"
    kind = f"{definition.kind}.{definition.group}" if definition.group else definition.kind
    details = {**target_details(definition, name), "kind": definition.kind, "causes": [cause.json() for cause in causes]}
    return StatusError(422, "Invalid", f'{kind} "{name}" is invalid: {message}', details)
