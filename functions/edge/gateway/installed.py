"""The declarations of this installation and their routes, once for each process.

A process that forks gateways and dashboards builds them before it forks (`functions.edge.preload`). Reading 450 declarations
writes to 16 MB of memory (reference counts), which each child would copy.
"""

from functools import cache

from functions.edge.gateway.routing import Table
from functions.runtime.config.registry import Registry


@cache
def installed() -> Registry:
    """Return all declarations. Raises: as `Registry.load`."""
    return Registry.load()


@cache
def installed_table() -> Table:
    """Return the routes of all declarations. Raises: as `installed` and `Table`."""
    return Table(installed().declarations)
