"""What a declaration must keep beyond the types of its parts. The registry checks it of every function that it loads."""

from collections.abc import Sequence

from functions.kernel.access import ADMIN, ANYONE, OWN_ACCOUNT, SIGNED_IN, Caller, Client, Origin
from functions.kernel.checked_access import Permit
from functions.kernel.declaration import Declaration, Kind, Order
from functions.kernel.work import Work


def check_access(declaration: Declaration) -> None:
    """Raises TypeError unless a route declares who may use it, and a permission is received to be checked."""
    if declaration.http is not None and declaration.permission is None and declaration.allow not in (ANYONE, OWN_ACCOUNT, ADMIN):
        raise TypeError(f"{declaration.name} declares neither a permission nor who may call it: allow=ANYONE, OWN_ACCOUNT or ADMIN")
    if declaration.permission is not None and declaration.allow is not SIGNED_IN:
        raise TypeError(f"{declaration.name} declares a permission and allow={declaration.allow.name}")
    permits = Sequence[Permit] if declaration.is_batch_handler else Permit
    if (declaration.permission is not None) != (permits in declaration.dependencies.values()):
        raise TypeError(
            f"{declaration.name}: a function with a permission, and no other, has a parameter of the type Permit; a batch handler, of Permits"
        )


def check_batch_handler(declaration: Declaration) -> None:
    """Raises TypeError for a batch handler of what arrives alone, or one that depends on a single message."""
    if not declaration.is_batch_handler:
        if Sequence[Caller] in declaration.dependencies.values():
            raise TypeError(f"{declaration.name} takes one message and the callers of several")
        return
    if declaration.kind not in (Kind.EVENT, Kind.COMMAND, Kind.QUERY) or declaration.order is Order.STRICT:
        raise TypeError(f"{declaration.name}: only a command, a query, or a handler of events which are not in strict order, takes a Sequence")
    if Sequence[Caller] in declaration.dependencies.values() and (declaration.kind is not Kind.QUERY or declaration.allow.anyone):
        raise TypeError(f"{declaration.name}: only a query that requires a signed-in caller takes a Sequence of callers")
    single = {Caller, Caller | None, Client, Origin, Permit, Work} & set(declaration.dependencies.values())
    if single:
        raise TypeError(f"{declaration.name} takes a Sequence of inputs and depends on one message: {', '.join(map(str, single))}")


def check_cache(declaration: Declaration) -> None:
    """Raises TypeError for a cached response that may not be kept."""
    if declaration.cache is None:
        return
    if declaration.kind is not Kind.QUERY or declaration.route is None:
        raise TypeError(f"{declaration.name}: only the response of a query with a route can be cached")
    if declaration.permission is not None:
        raise TypeError(f"{declaration.name} checks a permission, which its context learns of at its own time: its response cannot be cached")
    if Client in declaration.dependencies.values():
        raise TypeError(f"{declaration.name} depends on the client's address, so its response cannot be cached")
    if declaration.cache.purged_by_own and not declaration.needs_caller:
        raise TypeError(f"{declaration.name} takes no caller, so no event is about the caller: use purged_by")
