"""The one shape of every list that a query returns."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from functions.kernel.message import Model

ItemT = TypeVar("ItemT")
RowT = TypeVar("RowT")


class Page(Model, Generic[ItemT]):
    """One page of a list. `next` is the `cursor` of the next page, null on the last one.

    A list that is always complete (an application's environments) is a page without `next`.
    """

    items: list[ItemT]
    next: str | None = None

    @classmethod
    def from_rows(
        cls, rows: Sequence[RowT], limit: int, to_item: Callable[[RowT], ItemT], *, cursor: Callable[[RowT], UUID | int | str]
    ) -> "Page[ItemT]":
        """Build a page from at most `limit + 1` rows: the extra row only shows that there is a next page.

        `cursor` returns the value after which the next page begins, for the last row of this page.
        """
        items = rows[:limit]
        return Page(items=[to_item(row) for row in items], next=str(cursor(items[-1])) if items and len(rows) > limit else None)

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Name the schema after its items: `Page[AlertView]` is `AlertPage`."""
        return f"{params[0].__name__.removesuffix('View')}Page"
