"""Compatibility of schemas: what a reader may reject of what a writer may write, and what releases require."""

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
from functions.describe.releases import InvalidRelease, find_incompatible, incompatible_changes, newest_release, release
from functions.kernel import Event, Model, Part, versions
from functions.runtime.config.registry import Registry
from tests.generated.kinds import PROJECT


def schema(model: Any, version: int = 1) -> dict[str, Any]:
    return {"x-version": version, **model.model_json_schema(by_alias=True)}


def compare(before: Any, after: Any, folder: str = "commands", version: int = 1) -> list[str]:
    path = f"{folder}/thing.json"
    return incompatible_changes({path: schema(before)}, {path: schema(after, version)})


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
    """Descriptions do not matter."""

    amount: int = 7
    name: str = Field(max_length=20, description="of the thing")
    colour: Colour
    inner: Inner
    tags: list[str] = Field(default_factory=list)


class Extended(Model):
    name: str | None = Field(max_length=40)
    colour: Literal["red", "blue", "green"]
    inner: Inner | None = None
    tags: list[str] = Field(default_factory=list)
    amount: float = 0
    extra: str = ""


def test_a_command_may_accept_more_than_before() -> None:
    assert compare(Before, Same) == []
    assert compare(Before, Extended) == []


def without(field: str) -> type[Model]:
    fields = {name: (info.annotation, info) for name, info in Before.model_fields.items() if name != field}
    from pydantic import create_model

    return create_model("Before", __base__=Model, **fields)  # type: ignore[call-overload, no-any-return]


def changed(field: str, annotation: Any, default: Any = ...) -> type[Model]:
    from pydantic import create_model

    return create_model("Before", __base__=Before, **{field: (annotation, default)})  # type: ignore[call-overload, no-any-return]


class ExtendedInner(Model):
    depth: int
    reach: int


BREAKS = {
    "a removed field": (without("tags"), "/tags: is unknown"),
    "another type": (changed("amount", str, ""), "/amount: is integer, and only string is accepted"),
    "a new required field": (changed("owner", UUID), "/owner: is required, and may be missing"),
    "an optional field that becomes required": (changed("tags", list[str]), "/tags: is required, and may be missing"),
    "fewer values": (changed("colour", Literal["red"]), "/colour: may be 'blue', which is not accepted"),
    "a shorter text": (changed("name", str, Field(max_length=10)), "/name: maxLength is 10, and was 20"),
    "a new pattern": (changed("name", str, Field(max_length=20, pattern="^a")), "/name: must have pattern '^a'"),
    "another type of elements": (changed("tags", list[int], []), "/tags/*: is string, and only integer is accepted"),
    "a new required field in an object": (changed("inner", ExtendedInner), "/inner/reach: is required, and may be missing"),
}


@pytest.mark.parametrize(("after", "reason"), BREAKS.values(), ids=BREAKS)
def test_a_command_that_accepts_less_needs_a_higher_version_and_upcasters(after: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare(Before, after) == [f"commands/thing.json {reason} (in messages of the last release)"]
    missing = 'commands/thing.json needs @upcasts("thing", from_=1): messages of version 1 may be in queues'
    assert compare(Before, after, version=2) == [missing], "old messages may still be in queues"
    with monkeypatch.context() as patch:
        patch.setitem(versions._upcasters, ("thing", 1), dict)
        assert compare(Before, after, version=2) == []
        assert compare(Before, after, version=3) == [missing.replace("from_=1", "from_=2").replace("version 1", "version 2")]


def test_a_version_does_not_decrease_and_messages_of_every_release_are_readable(tmp_path: Path) -> None:
    first, second = {"x-version": 1}, {"x-version": 2}
    assert incompatible_changes({"events/x.json": second}, {"events/x.json": first}) == ["events/x.json had version 2 before"]
    release(tmp_path, "0.1.0", {"events/x.json": json.dumps(first)})
    release(tmp_path, "0.2.0", {"events/x.json": json.dumps(second)})
    assert find_incompatible(tmp_path, {"events/x.json": second}) == [
        'events/x.json needs @upcasts("x", from_=1): messages of version 1 may be in queues'
    ]


class Piece(Part):
    size: int


class StateChanged(Event, type="test.state-changed"):
    id: UUID
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None


class AddedField(Event, type="test.added-field"):
    id: UUID
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None
    extra: int = 0


class RemovedField(Event, type="test.removed-field"):
    id: UUID
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)


class AddedValue(Event, type="test.added-value"):
    id: UUID
    state: Literal["up", "down", "sideways"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None


class OptionalField(Event, type="test.optional-field"):
    id: UUID | None = None
    state: Literal["up", "down"]
    pieces: list[Piece] = Field(default_factory=list)
    note: str | None = None


def test_an_event_may_add_fields_and_neither_remove_fields_nor_add_values() -> None:
    assert compare(StateChanged, AddedField, "events") == []
    assert compare(StateChanged, RemovedField, "events") == ["events/thing.json /note: was removed"]
    [reason] = compare(StateChanged, AddedValue, "events")
    assert "may be 'sideways', which is not accepted (by readers of the last release)" in reason
    assert len(compare(StateChanged, OptionalField, "events")) == 2, "it may be missing, and it may be null"


class Tree(Model):
    branches: list["Tree"] = Field(default_factory=list)
    leaf: int = 0


class TallTree(Model):
    branches: list["TallTree"] = Field(default_factory=list)
    leaf: str = ""


def test_recursive_types_are_compared_once_and_maps_by_their_values() -> None:
    assert compare(Tree, Tree) == []
    assert compare(Tree, TallTree) != []
    numbers, texts_ = {"type": "object", "additionalProperties": {"type": "integer"}}, {"type": "object", "additionalProperties": {"type": "string"}}
    assert refusals(numbers, numbers) == [] and refusals(numbers, texts_) == ["/*: is integer, and only string is accepted"]
    assert refusals({}, {"type": "string"}) != [] and refusals({"type": "string"}, {}) == []


def test_a_removed_type_is_incompatible() -> None:
    assert incompatible_changes({"events/x.json": {}}, {}) == ["events/x.json was removed"]


def texts(**schemas: dict[str, Any]) -> dict[str, str]:
    return {f"commands/{name}.json": json.dumps(schema) for name, schema in schemas.items()}


def test_a_release_never_changes_and_its_number_says_what_is_compatible(tmp_path: Path) -> None:
    strict, loose = {"type": "integer"}, {"type": "number"}
    assert newest_release(tmp_path) is None and find_incompatible(tmp_path, {}) == []
    assert release(tmp_path, "0.1.0", texts(a=loose)) == 1
    for version in ("0.1.0", "0.0.9", "one"):
        with pytest.raises(InvalidRelease):
            release(tmp_path, version, texts(a=loose))
    with pytest.raises(InvalidRelease, match="must be compatible with"):
        release(tmp_path, "0.1.1", texts(a=strict))
    assert find_incompatible(tmp_path, {"commands/a.json": strict}) != []
    release(tmp_path, "0.2.0", texts(a=strict))
    assert newest_release(tmp_path) == "0.2.0" and find_incompatible(tmp_path, {"commands/a.json": strict}) == []
    release(tmp_path, "0.10.0", texts(a=strict))
    assert newest_release(tmp_path) == "0.10.0", "versions are compared as numbers"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.of(Registry.load().declarations)


def test_check_rejects_an_incompatible_schema_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = {"type": "object", "properties": {"gone": {"type": "string"}}}
    release(tmp_path, "0.1.0", {"events/user.created.json": json.dumps(schema)})
    monkeypatch.setattr(describe, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["describe", "--check"])
    assert describe.main() == 1
    assert "events/user.created.json /gone: was removed" in capsys.readouterr().err


def test_the_current_schemas_are_compatible_with_the_newest_release(catalog: Catalog) -> None:
    assert find_incompatible(PROJECT, jsonschema.documents(catalog)) == []
