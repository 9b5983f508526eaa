"""The budget of database connections: for each context, the sum of `max` × `pool` over its functions.

A pool grows on demand from zero, so the sum is what full load in every function of a context at once would take. It must stay
within the context's budget: a server without free connections refuses every function.

Where the budget comes from:

- with a transaction pooler (PgBouncer; recommended for a cluster) it is client connections, which cost a few kilobytes each:
  `max_client_conn` of at least the sum over the contexts. The pooler shares few server connections among them (`default_pool_size`)
- without a pooler it is PostgreSQL's `max_connections`, less those for superusers and migrations, for each server
- on one machine the memory bounds the number of instances first. If PostgreSQL has no connection left, a function answers as for any
  unavailable database: callers get 503, messages are retried

Deploy is the largest context: over a hundred functions × 3 instances × 2 connections by default are more than 800.
"""

from collections.abc import Mapping

from functions.describe.catalog import Catalog

CONTEXT_BUDGET = 1200


class PoolsTooLarge(Exception):
    """A context exceeds its budget. The text names it, by how much, and its largest functions."""


def connections(catalog: Catalog) -> Mapping[str, int]:
    """Return context → connections."""
    return {context: sum(each.scale.max * each.scale.pool for each in catalog.of_context(context)) for context in catalog.contexts}


def check(catalog: Catalog, budget: int = CONTEXT_BUDGET) -> None:
    """Raises PoolsTooLarge."""
    for context, needed in connections(catalog).items():
        if needed > budget:
            largest = sorted(catalog.of_context(context), key=lambda each: each.scale.max * each.scale.pool, reverse=True)[:3]
            names = ", ".join(f"{each.name} {each.scale.max} × {each.scale.pool}" for each in largest)
            raise PoolsTooLarge(
                f"the functions of {context} need {needed} database connections (max × pool), its budget is {budget}."
                f" Largest: {names}. Lower `scale=Scale(max=…, pool=…)`, or raise CONTEXT_BUDGET together with the pooler's limits"
            )
