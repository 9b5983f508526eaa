"""The gate before a breaking change: what a reader may refuse of what a writer may write, and what was promised with a release."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import Field

from functions.describe import __main__ as describe
from functions.describe import jsonschema
from functions.describe.catalog import Catalog
from functions.describe.compatibility import refusals
from functions.describe.releases import NotARelease, breaking, broken_promises, newest, release
from functions.kernel import Event, Model, Part, versions
from functions.runtime.config.registry import Registry
from tests.generated.kinds import PROJECT


def schema(model: Any, version: int = 1) -> dict[str, Any]:
    return {"x-version": version, **model.model_json_schema(by_alias=True)}


def judge(before: Any, after: Any, folder: str = "commands", version: int = 1) -> list[str]:
    path = f"{folder}/thing.json"
    return breaking({path: schema(before)}, {path: schema(after, version)})


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Model):
    depth: int


class Before(Model):
    name: str = Field(max_length=20)
    colour: Colour
    inner: Inner
    tags: list[str] = Field(default_factory=list)
    amount: int = 0


class Same(Model):
    """Another description changes nothing."""

    amount: int = 7
    name: str = Field(max_length=20, description="of the thing")
    colour: Colour
    inner: Inner
    tags: list[str] = Field(default_factory=list)


class Wider(Model):
    name: str | None = Field(max_length=40)
    colour: Literal["red", "blue", "green"]
    inner: Inner | None = None
    tags: list[str] = Field(default_factory=list)
    amount: float = 0
    more: str = ""


def test_a_command_may_take_more_than_before() -> None:
    assert judge(Before, Same) == []
    assert judge(Before, Wider) == []


def without(field: str) -> type[Model]:
    fields = {name: (info.annotation, info) for name, info in Before.model_fields.items() if name != field}
    from pydantic import create_model

    return create_model("Before", __base__=Model, **fields)  # type: ignore[call-overload, no-any-return]


def changed(field: str, annotation: Any, default: Any = ...) -> type[Model]:
    from pydantic import create_model

    return create_model("Before", __base__=Before, **{field: (annotation, default)})  # type: ignore[call-overload, no-any-return]


class Deeper(Model):
    depth: int
    reach: int


BREAKS = {
    "a removed field": (without("tags"), "/tags: is not known"),
    "another type": (changed("amount", str, ""), "/amount: is integer, and string is taken"),
    "a new required field": (changed("owner", UUID), "/owner: is required, and may be missing"),
    "a field that was optional": (changed("tags", list[str]), "/tags: is required, and may be missing"),
    "fewer choices": (changed("colour", Literal["red"]), "/colour: may be 'blue', which is not taken"),
    "a shorter text": (changed("name", str, Field(max_length=10)), "/name: maxLength is 10, and was 20"),
    "a form that was free": (changed("name", str, Field(max_length=20, pattern="^a")), "/name: must have pattern '^a'"),
    "other elements": (changed("tags", list[int], []), "/tags/*: is string, and integer is taken"),
    "a field inside": (changed("inner", Deeper), "/inner/reach: is required, and may be missing"),
}


@pytest.mark.parametrize(("after", "reason"), BREAKS.values(), ids=BREAKS)
def test_a_command_that_takes_less_is_refused_unless_its_version_was_raised(after: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(Before, after) == [f"commands/thing.json {reason} (of what was sent before)"]
    unread = 'commands/thing.json needs @upcasts("thing", from_=1): messages of version 1 may lie in queues'
    assert judge(Before, after, version=2) == [unread], "old messages lie in queues still"
    with monkeypatch.context() as patch:
        patch.setitem(versions._upcasters, ("thing", 1), dict)
        assert judge(Before, after, version=2) == []
        assert judge(Before, after, version=3) == [unread.replace("from_=1", "from_=2").replace("version 1", "version 2")]


def test_a_version_does_not_go_back_and_every_release_that_ever_was_is_read(tmp_path: Path) -> None:
    first, second = {"x-version": 1}, {"x-version": 2}
    assert breaking({"events/x.json": second}, {"events/x.json": first}) == ["events/x.json was version 2 already"]
    release(tmp_path, "0.1.0", {"events/x.json": json.dumps(first)})
    release(tmp_path, "0.2.0", {"events/x.json": json.dumps(second)})
    assert broken_promises(tmp_path, {"events/x.json": second}) == [
        'events/x.json needs @upcasts("x", from_=1): messages of version 1 may lie in queues'
    ]


class Piece(Part):
    size: int


class Told(Event, type="test.told"):
    id: UUID
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None


class ToldMore(Event, type="test.told-more"):
    id: UUID
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None
    also: int = 0


class ToldLess(Event, type="test.told-less"):
    id: UUID
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)


class ToldOtherwise(Event, type="test.told-otherwise"):
    id: UUID
    state: Literal["up", "down", "sideways"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None


class ToldMaybe(Event, type="test.told-maybe"):
    id: UUID | None = None
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None


def test_an_event_may_say_more_and_neither_less_nor_what_an_older_reader_refuses() -> None:
    assert judge(Told, ToldMore, "events") == []
    assert judge(Told, ToldLess, "events") == ["events/thing.json /note: is stated no more"]
    [reason] = judge(Told, ToldOtherwise, "events")
    assert "may be 'sideways', which is not taken (by an older reader)" in reason
    assert len(judge(Told, ToldMaybe, "events")) == 2, "it may be missing, and it may be null"


class Tree(Model):
    branches: list["Tree"] = Field(default_factory=list)
    leaf: int = 0


class TallTree(Model):
    branches: list["TallTree"] = Field(default_factory=list)
    leaf: str = ""


def test_a_type_that_contains_itself_is_compared_once_and_a_map_by_its_values() -> None:
    assert judge(Tree, Tree) == []
    assert judge(Tree, TallTree) != []
    numbers, words = {"type": "object", "additionalProperties": {"type": "integer"}}, {"type": "object", "additionalProperties": {"type": "string"}}
    assert refusals(numbers, numbers) == [] and refusals(numbers, words) == ["/*: is integer, and string is taken"]
    assert refusals({}, {"type": "string"}) != [] and refusals({"type": "string"}, {}) == []


def test_a_type_that_is_gone_breaks_what_was_promised() -> None:
    assert breaking({"events/x.json": {}}, {}) == ["events/x.json is gone"]


def texts(**schemas: dict[str, Any]) -> dict[str, str]:
    return {f"commands/{name}.json": json.dumps(schema) for name, schema in schemas.items()}


def test_a_release_is_kept_as_it_was_and_its_number_says_what_it_promises(tmp_path: Path) -> None:
    strict, loose = {"type": "integer"}, {"type": "number"}
    assert newest(tmp_path) is None and broken_promises(tmp_path, {}) == []
    assert release(tmp_path, "0.1.0", texts(a=loose)) == 1
    for refused in ("0.1.0", "0.0.9", "one"):
        with pytest.raises(NotARelease):
            release(tmp_path, refused, texts(a=loose))
    with pytest.raises(NotARelease, match="promises to be compatible with"):
        release(tmp_path, "0.1.1", texts(a=strict))
    assert broken_promises(tmp_path, {"commands/a.json": strict}) != []
    release(tmp_path, "0.2.0", texts(a=strict))
    assert newest(tmp_path) == "0.2.0" and broken_promises(tmp_path, {"commands/a.json": strict}) == []
    release(tmp_path, "0.10.0", texts(a=strict))
    assert newest(tmp_path) == "0.10.0", "a number, not a text"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.of(Registry.load().declarations)


def test_check_refuses_a_broken_promise_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    promised = {"type": "object", "properties": {"gone": {"type": "string"}}}
    release(tmp_path, "0.1.0", {"events/user.created.json": json.dumps(promised)})
    monkeypatch.setattr(describe, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["describe", "--check"])
    assert describe.main() == 1
    assert "events/user.created.json /gone: is stated no more" in capsys.readouterr().err


def test_today_keeps_what_was_promised(catalog: Catalog) -> None:
    assert broken_promises(PROJECT, jsonschema.documents(catalog)) == []
