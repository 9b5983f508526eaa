"""Problem documents, JSON pointers and problem types."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from functions.kernel import Conflict, FieldError, NotFound, json_pointer
from functions.wire.problems import ProblemType, document, field_errors, invalid_input


@pytest.mark.parametrize(
    ("path", "pointer"),
    [([], ""), (["item"], "/item"), (["tags", 1], "/tags/1"), (["a/b~c"], "/a~1b~0c"), (["~1"], "/~01"), ([""], "/"), (["a b%é"], "/a b%é")],
)
def test_a_json_pointer_escapes_tilde_and_slash(path: list[str | int], pointer: str) -> None:
    assert json_pointer(path) == pointer


class NameTaken(Conflict):
    """The name is taken. Choose another one."""


class Unlisted(NotFound):
    """There is no such thing.

    It was deleted,
    or never existed.
    """


def test_a_problem_type_has_title_cause_and_fix_from_the_docstring() -> None:
    assert ProblemType.of(NameTaken) == ProblemType("name-taken", 409, "The name is taken", "", "Choose another one.")
    unlisted = ProblemType.of(Unlisted)
    assert (unlisted.title, unlisted.cause, unlisted.uri) == ("There is no such thing", "It was deleted, or never existed.", "/problems/unlisted")
    assert unlisted.fix, "the default of its status"


def test_the_default_detail_of_a_rejection_is_its_first_line() -> None:
    assert (NameTaken.title(), NameTaken().detail, NameTaken("No.").detail) == ("The name is taken", "The name is taken. Choose another one.", "No.")


def test_a_document_names_the_location_of_each_field() -> None:
    members = document("x", "X", 422, "d", [FieldError("/a", "is wrong", "query")])
    assert members == {
        "type": "/problems/x", "title": "X", "status": 422, "detail": "d", "errors": [{"pointer": "/a", "detail": "is wrong", "in": "query"}],
    }  # fmt: skip


class Input(BaseModel):
    count: int
    name: str


def test_every_fault_of_an_input_is_named_without_its_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Input.model_validate({"count": "secret"})
    rejection = invalid_input(caught.value)
    assert rejection.detail == "Invalid input: count, name."
    assert [error.pointer for error in rejection.errors] == ["/count", "/name"]
    assert "secret" not in str([error.detail for error in rejection.errors])
    assert {error.location for error in field_errors(caught.value, lambda name: "path" if name == "count" else "query")} == {"path", "query"}


class Named(BaseModel):
    values: dict[Annotated[str, Field(max_length=3)], int]


def test_a_pointer_leads_to_a_member_of_the_document() -> None:
    with pytest.raises(ValidationError) as caught:
        Named.model_validate({"values": {"long/~name": 1, "a/b": "x"}})
    assert {error.pointer for error in field_errors(caught.value)} == {"/values/long~1~0name", "/values/a~1b"}
