"""All harmless probes together."""

import os
import traceback

from . import files, identity, kernel, network, processes, writes

PARTS = (identity, files, writes, processes, kernel, network)


def collect(targets):
    """Return one entry for each module. A probe that fails unexpectedly reports it and does not hide the others."""
    found = {"cwd": os.getcwd()}
    for part in PARTS:
        name = part.__name__.partition(".")[2]
        try:
            found[name] = part.collect(targets)
        except Exception:  # noqa: BLE001 - the others are still of interest
            found[name] = {"failed": traceback.format_exc()}
    return found
