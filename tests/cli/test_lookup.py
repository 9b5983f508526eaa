"""Short ids: unique beginnings of ids are shown and accepted."""

import pytest

from cli.failures import NotFound, UsageError
from cli.lookup import resolve_ending, resolve_id, resolve_name, short_ids

ONE, TWO, THREE = "01a20315-da05-70b5-a4cb-338095110690", "01a20315-c69a-77dc-855f-a3b140186488", "01a20316-0000-7000-8000-000000000000"


def test_short_ids_are_the_shortest_unique_beginnings() -> None:
    assert short_ids([ONE, THREE]) == {ONE: "01a20315", THREE: "01a20316"}
    assert short_ids([ONE, TWO]) == {ONE: "01a20315-d", TWO: "01a20315-c"}
    assert short_ids([ONE]) == {ONE: "01a20315"}


@pytest.mark.parametrize("text", ["01a20316", "01A20316", THREE])
def test_a_unique_beginning_is_resolved(text: str) -> None:
    assert resolve_id("deployment", text, lambda: [ONE, TWO, THREE]) == THREE


def test_every_short_id_resolves_to_its_id() -> None:
    ids = [ONE, TWO, THREE]
    assert {resolve_id("deployment", short, lambda: ids) for short in short_ids(ids).values()} == set(ids)


def test_an_ambiguous_beginning_lists_the_candidates() -> None:
    with pytest.raises(UsageError) as error:
        resolve_id("deployment", "01a20315", lambda: [ONE, TWO, THREE])
    assert error.value.title == '"01a20315" matches 2 deployments' and ONE in error.value.detail and TWO in error.value.detail


@pytest.mark.parametrize("text", ["", "ffff"])
def test_an_unknown_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        resolve_id("deployment", text, lambda: [ONE, TWO])


@pytest.mark.parametrize("text", ["095110690", "095110690".upper(), ONE])
def test_a_unique_ending_is_resolved(text: str) -> None:
    assert resolve_ending("snapshot", text, lambda: [ONE, TWO, THREE], hint="list") == ONE


@pytest.mark.parametrize(("text", "count"), [("", "no"), ("ffff", "no"), ("0", "2")])
def test_an_ending_of_none_or_several_is_not_found(text: str, count: str) -> None:
    with pytest.raises(NotFound, match=f'{count} snapshots end in "{text}"'):
        resolve_ending("snapshot", text, lambda: [ONE, THREE], hint="list")


def test_an_empty_ending_is_not_that_of_the_only_one() -> None:
    with pytest.raises(NotFound):
        resolve_ending("snapshot", "", lambda: [ONE], hint="list")


def test_an_item_is_found_by_its_name_or_id() -> None:
    items = [{"id": ONE, "name": "media"}, {"id": TWO, "name": "cache"}]
    assert resolve_name("volume", "cache", "shop", lambda: items, hint="list") == TWO
    assert resolve_name("volume", THREE, "shop", list, hint="list") == THREE, "the API says that there is none"
    with pytest.raises(NotFound, match='shop has no volume "medi"'):
        resolve_name("volume", "medi", "shop", lambda: items, hint="list")
