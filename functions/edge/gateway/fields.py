"""Field selection: `?fields=id,team.name` asks for some fields of a response.

A path names a field of the response's object, or with dots a field of the objects inside it; a list counts as its items, and
a page of a list (`Page`) too: `fields=id` of a list of applications gives each item its id, beside `next`. Paths are checked
with the type of the response, so that a typing error is reported whether or not a value is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import orjson
from pydantic import BaseModel

from functions.edge.gateway.problems import UNKNOWN_FIELD, Problem
from functions.edge.gateway.routing import FIELDS, Route, alias_of
from functions.kernel import FieldError, Page

Selection = dict[str, "Selection | None"]
"""Field → the selection of the objects in it; None: all of it."""

ITEMS = "items"


def parse(route: Route, text: str) -> Selection:
    """Return what a request selects. Raises Problem 400 that names the valid fields."""
    selection: Selection = {}
    root = _item_type(route.output)
    for path in text.split(","):
        names = path.strip().split(".")
        _check(root, names)
        _add(selection, names)
    return selection


def select(route: Route, selection: Selection, body: bytes) -> bytes:
    """Return a response's JSON with the selected fields."""
    document = orjson.loads(body)
    if route.is_list:
        return orjson.dumps({**document, ITEMS: _selected(document[ITEMS], selection)})
    return orjson.dumps(_selected(document, selection))


def valid_fields(type_: Any) -> Mapping[str, Any]:
    """Return the fields of the objects in a type, with their types. Empty for texts, numbers, and objects with names of their own."""
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return valid_fields(arguments[0])
    if origin in (Union, UnionType):
        return {name: inner for choice in arguments for name, inner in valid_fields(choice).items()}
    if isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping):
        return valid_fields(arguments[0])
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        declared = {alias_of(type_, name): info.annotation for name, info in type_.model_fields.items()}
        computed = {info.alias or name: info.return_type for name, info in type_.model_computed_fields.items()}
        return {**declared, **computed}
    return {}


def _item_type(output: Any) -> Any:
    is_page = isinstance(output, type) and issubclass(output, Page)
    return output.model_fields[ITEMS].annotation if is_page else output


def _check(type_: Any, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        fields = valid_fields(type_)
        if name not in fields:
            raise _unknown(names, index, sorted(fields))
        type_ = fields[name]


def _unknown(names: Sequence[str], index: int, valid: Sequence[str]) -> Problem:
    owner = f'"{".".join(names[:index])}"' if index else "The response"
    choices = f"Its fields: {', '.join(valid)}." if valid else "It has no fields to select."
    detail = f'{owner} has no field "{names[index]}". {choices}'
    return Problem(UNKNOWN_FIELD, detail, errors=[FieldError(f"/{FIELDS}", f'"{".".join(names)}" is not a field', "query")])


def _add(selection: Selection, names: Sequence[str]) -> None:
    """Add a path. A field that is selected as a whole stays so."""
    for name in names[:-1]:
        inner = selection.setdefault(name, {})
        if inner is None:
            return
        selection = inner
    selection[names[-1]] = None


def _selected(value: Any, selection: Selection) -> Any:
    if isinstance(value, list):
        return [_selected(each, selection) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: each if (inner := selection[name]) is None else _selected(each, inner) for name, each in value.items() if name in selection}
