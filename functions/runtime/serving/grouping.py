"""The scale of several functions in one process, and each one's share of it.

A function declares its scale as if it were alone in a Service. A group's scale harms none of its functions:

    min           the largest: a function that is always running alone is always running in the group
    max           the largest: the busiest function gets as many instances as alone
    concurrency   the largest: an instance handles as many messages at a time as its most concurrent function
    share         of one function in one instance: its total concurrency alone, spread over the group's instances, and at most
                  its concurrency in one. So a function limited to two instances, or to four messages at a time, stays limited
    pool          the connections that all functions have alone, spread over the group's instances and over the database roles
                  that they use (queries have their own); at most one per message at a time. The total is never larger than alone

Deadlines, retries and ordering stay each function's own. `timeoutSeconds` is the same for all Services and longer than every
deadline. A group shares its queue and its instances: a burst for one function delays the messages of the others.
"""

from collections.abc import Sequence

from functions.kernel import Declaration, Scale


def group_scale(declarations: Sequence[Declaration]) -> Scale:
    """Return the scale of a group. The scale of a single function is its own."""
    scales = [declaration.scale for declaration in declarations]
    max_instances = max(scale.max for scale in scales)
    concurrency = max(scale.concurrency for scale in scales)
    return Scale(max(scale.min for scale in scales), max_instances, concurrency, pool_size(declarations, max_instances))


def pool_size(declarations: Sequence[Declaration], instances: int) -> int:
    """Return the connections per role that each instance has to the one database of these functions."""
    scales, roles = [declaration.scale for declaration in declarations], {declaration.is_writing for declaration in declarations}
    connections = sum(scale.max * scale.pool for scale in scales) // instances // len(roles)
    return max(min(connections, max(max(scale.pool, scale.concurrency) for scale in scales)), 1)


def share(declaration: Declaration, group: Scale) -> int:
    """Return how many messages of this function one instance of the group handles at a time."""
    own = declaration.scale
    return min(own.concurrency, max(own.max * own.concurrency // group.max, 1))


def group_address(context: str) -> str:
    """Return `auth.*`: the group of a context in `CAPSULE_FUNCTION`, and its routing key on `capsule.commands` for redelivered messages."""
    return f"{context}.*"
