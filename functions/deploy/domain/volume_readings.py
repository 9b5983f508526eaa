"""Pure functions that read PersistentVolumeClaims."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

USED_BYTES = "capsule.dev/used-bytes"
"""Annotation of a claim's status, which the one-machine Knative writes. A cluster's kubelet has this figure as a metric only."""
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
UNITS |= {f"{letter}i": 2 ** (10 * power) for power, letter in enumerate("KMGTP", start=1)}


@dataclass(frozen=True, slots=True)
class ClaimReading:
    """A claim as the cluster reports it.

    `is_bound`: False also where the storage is provided with the first pod. `failure`: why it is not provided or grown, as far as the cluster says.
    `used_bytes`: None where the cluster does not say.
    """

    is_bound: bool
    requested_bytes: int
    capacity_bytes: int
    failure: str | None = None
    used_bytes: int | None = None


def read_claim(claim: Mapping[str, Any]) -> ClaimReading:
    status = claim.get("status") or {}
    failed = next((each for each in status.get("conditions") or () if each["type"] in FAILURES and each["status"] == "True"), None)
    used = (status.get("annotations") or {}).get(USED_BYTES)
    return ClaimReading(
        is_bound=status.get("phase") == "Bound",
        requested_bytes=_bytes(claim["spec"]["resources"]["requests"]["storage"]),
        capacity_bytes=_bytes((status.get("capacity") or {}).get("storage", "0")),
        failure=failed.get("message", failed["type"]) if failed else None,
        used_bytes=int(used) if used is not None else None,
    )


FAILURES = ("ProvisioningFailed", "ControllerResizeError", "NodeResizeError")
"""Conditions of a claim: of the one-machine Knative, and of Kubernetes (PersistentVolumeClaimConditionType)."""


def _bytes(quantity: str) -> int:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)([kMGTP]?|[KMGTP]i)", quantity)
    return int(float(match[1]) * UNITS[match[2]]) if match else 0
