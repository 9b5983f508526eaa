"""`Page[T]`: the shape of every list."""

from functions.kernel import Model, Page


class ThingView(Model):
    id: int


def test_an_extra_row_shows_that_there_is_a_next_page() -> None:
    page = Page.from_rows([3, 2, 1], 2, lambda row: ThingView(id=row), cursor=lambda row: row)
    assert page.model_dump() == {"items": [{"id": 3}, {"id": 2}], "next": "2"}


def test_the_last_page_has_no_next() -> None:
    assert Page.from_rows([3, 2], 2, str, cursor=lambda row: row).next is None
    assert Page.from_rows([], 2, str, cursor=lambda row: row).items == []


def test_the_schema_is_named_after_the_items() -> None:
    assert Page[ThingView].__name__ == "ThingPage"
