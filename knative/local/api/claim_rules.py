"""Rules of PersistentVolumeClaims (Kubernetes, pkg/apis/core/validation, v1.34): their spec is immutable, but that they may grow."""

from collections.abc import Iterator

from knative.local.api.status import Cause
from knative.local.objects import Object
from knative.local.quantities import parse_quantity

STORAGE = "spec.resources.requests.storage"


def claim(object: Object) -> Iterator[Cause]:
    if parse_quantity(object["spec"]["resources"]["requests"]["storage"]) <= 0:
        yield Cause(STORAGE, "Invalid value: must be greater than zero")


def claim_change(new: Object, old: Object) -> Iterator[Cause]:
    if _without_size(new) != _without_size(old):
        yield Cause("spec", "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims")
    requested, former = (parse_quantity(each["spec"]["resources"]["requests"]["storage"]) for each in (new, old))
    if requested < former:
        yield Cause(STORAGE, "Forbidden: field can not be less than previous value")


def _without_size(claim: Object) -> Object:
    return {name: value for name, value in claim["spec"].items() if name != "resources"}
