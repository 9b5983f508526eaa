"""What several functions of one process are, together: the scale of the group, and each one's share of it.

Each function declares a scale as if it were alone. In a group of them the group takes what none of them would suffer from, and no function gets more
of the world than it declared:

    min           the largest: what is never at zero alone, is not here
    max           the largest: the busiest function may have as many instances as alone
    concurrency   the largest: an instance takes as many messages at a time as the function that bears most
    share         of one function, in one instance: what it would take at a time in all its instances, spread over the group's, and never more than it
                  takes in one. So a function that may be twice in the world (max=2) or takes four at a time (a password is hashed) stays so
    pool          the database connections that all of them would have apart, spread over the group's instances and over the roles that they connect
                  with (what only reads has one of its own); no more than messages at a time. The sum over all instances is never larger than
                  apart, so a server that is large enough for one Service a function is for a group

Deadlines, retries, order and patience are a function's own wherever it runs; `timeoutSeconds` is one for all Services and longer than every deadline.
What a group does share is its queue and its instances: a burst for one function is ahead of what comes for the others. That is what it is paid with.
"""

from collections.abc import Sequence

from functions.kernel import Declaration
from functions.kernel.declaration import Scale


def together(declarations: Sequence[Declaration]) -> Scale:
    """The scale of a group; of one function, its own."""
    scales = [declaration.scale for declaration in declarations]
    most = max(scale.max for scale in scales)
    return Scale(max(scale.min for scale in scales), most, max(scale.concurrency for scale in scales), pool(declarations, most))


def pool(declarations: Sequence[Declaration], instances: int) -> int:
    """Connections to the one database of these functions, in each of so many instances and for each of the roles that they have there: what only
    reads has one of its own."""
    scales, roles = [declaration.scale for declaration in declarations], {declaration.writes for declaration in declarations}
    apart = sum(scale.max * scale.pool for scale in scales) // instances // len(roles)
    return max(min(apart, max(max(scale.pool, scale.concurrency) for scale in scales)), 1)


def share(declaration: Declaration, group: Scale) -> int:
    """How many of this function's messages one instance of the group takes at a time."""
    own = declaration.scale
    return min(own.concurrency, max(own.max * own.concurrency // group.max, 1))


def address(context: str) -> str:
    """The group of a whole context, as `CAPSULE_FUNCTION` names it; on `capsule.commands`, where what failed on its way to the group goes back to."""
    return f"{context}.*"
