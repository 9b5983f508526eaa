"""What follows a posted form: the page that shows the change, the form again with what is wrong, or a confirmation of the identity."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from functions.edge.dashboard.api import ApiProblem
from functions.edge.dashboard.visit import Visit

RECENT_LOGIN_REQUIRED = "recent-login-required"

ProblemPage = Callable[[Visit, ApiProblem], Awaitable[Response]]
"""Shows the page of a form again, with what is wrong."""


WHOLE_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def whole_number(text: str) -> int | str:
    """Return a number of at most nine digits as such, and any other text as it is: the function refuses it, and says why."""
    return int(text) if WHOLE_NUMBER.fullmatch(text) else text


async def submit(visit: Visit, page: ProblemPage, then: str, done: str, function: str, /, **fields: Any) -> Response:
    """Call a function and redirect to `then`, which says that it is `done`. If it is refused: `respond_refused`."""
    await visit.form()
    try:
        await visit.call(function, **fields)
    except ApiProblem as problem:
        return await respond_refused(visit, problem, page, then)
    return visit.redirect(then, done=done)


async def respond_refused(visit: Visit, problem: ApiProblem, page: ProblemPage, back: str) -> Response:
    """The `page` with the problem. For what needs a recent sign-in: the page that confirms the identity and leads `back`.

    Raises ApiProblem 401: the session has ended.
    """
    if problem.status == 401:
        raise problem
    if problem.slug == RECENT_LOGIN_REQUIRED:
        return visit.confirmation(back)
    return await page(visit, problem)
