"""Whether the functions' database connections fit the server: the sum of max-scale x pool, for each context's database.

A pool grows on demand from none, so the sum is what a day of full load in every function at once would take. Connections are cheap to wait
for and a server that has none left refuses everybody, so the sum must stay below what each context's role is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.describe.catalog import Catalog

SERVER_LIMIT = 1000  # max_connections that one server of all four databases must offer
RESERVED = 40  # superusers, migrations, an operator's psql


@dataclass(frozen=True)
class Sum:
    context: str
    connections: int


class PoolsTooLarge(Exception):
    """The text says by how much and where."""


def sums(catalog: Catalog) -> Mapping[str, int]:
    return {context: sum(d.scale.max * d.scale.pool for d in catalog.of_context(context)) for context in catalog.contexts}


def check(catalog: Catalog, limit: int = SERVER_LIMIT - RESERVED) -> None:
    """Raises PoolsTooLarge."""
    found = sums(catalog)
    if sum(found.values()) > limit:
        parts = ", ".join(f"{context} {connections}" for context, connections in found.items())
        raise PoolsTooLarge(
            f"max-scale x pool adds up to {sum(found.values())} connections ({parts}); the server has {limit} for functions: "
            f"lower `scale=Scale(max=…, pool=…)` of some declarations, or raise SERVER_LIMIT and max_connections together"
        )
