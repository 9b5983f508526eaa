"""Every refusal of this API, in Kubernetes' words: a Status object with code and reason, that clients are written to understand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from knative.local.definitions import Definition
from knative.local.objects import Object


@dataclass(frozen=True)
class Cause:
    """One fault of a body: where, what, and of which sort (FieldValueInvalid, FieldValueRequired, …)."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def json(self) -> Object:
        return {"reason": self.reason, "message": self.message, "field": self.field}


class Refusal(Exception):
    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}

    def status(self) -> Object:
        return {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details, "code": self.code,
        }  # fmt: skip


def about(definition: Definition, name: str = "") -> dict[str, Any]:
    return {"group": definition.group, "kind": definition.plural, **({"name": name} if name else {})}


def success(definition: Definition, name: str, uid: str) -> Object:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": name, "group": definition.group, "kind": definition.plural, "uid": uid},
    }  # fmt: skip


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def unknown_fields(definition: Definition, paths: Sequence[str]) -> Refusal:
    faults = ", ".join(f'unknown field "{path}"' for path in paths)
    message = f'{definition.kind} in version "{definition.version}" cannot be handled as a {definition.kind}: strict decoding error: {faults}'
    causes = [Cause(path, f'unknown field "{path}"', "FieldValueNotSupported") for path in paths]
    return Refusal(400, "BadRequest", message, {"causes": [cause.json() for cause in causes]})


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(definition: Definition, name: str, why: str) -> Refusal:
    return Refusal(403, "Forbidden", f'{definition.resource} "{name}" is forbidden: {why}', about(definition, name))


def not_found(definition: Definition, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{definition.resource} "{name}" not found', about(definition, name))


def unknown_path() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def not_allowed() -> Refusal:
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def already_exists(definition: Definition, name: str) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{definition.resource} "{name}" already exists', about(definition, name))


def conflict(definition: Definition, name: str, why: str) -> Refusal:
    return Refusal(409, "Conflict", f'Operation cannot be fulfilled on {definition.resource} "{name}": {why}', about(definition, name))


def contested(clashes: Sequence[tuple[str, str]], message: str) -> Refusal:
    """Server-side apply over fields of others: (who, which field)."""
    causes = [Cause(field, why, "FieldManagerConflict").json() for why, field in clashes]
    return Refusal(409, "Conflict", message, {"causes": causes})


def expired(message: str) -> Refusal:
    return Refusal(410, "Expired", message)


def unsupported(message: str) -> Refusal:
    return Refusal(415, "UnsupportedMediaType", message)


def broken() -> Refusal:
    return Refusal(500, "InternalError", "Internal error occurred; the server's log says more")


def invalid(definition: Definition, name: str, causes: Sequence[Cause]) -> Refusal:
    faults = [f"{cause.field}: {cause.message}" for cause in causes]
    told = faults[0] if len(faults) == 1 else "[" + ", ".join(faults) + "]"
    kind = f"{definition.kind}.{definition.group}" if definition.group else definition.kind
    details = {**about(definition, name), "kind": definition.kind, "causes": [cause.json() for cause in causes]}
    return Refusal(422, "Invalid", f'{kind} "{name}" is invalid: {told}', details)
