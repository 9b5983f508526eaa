"""What is read from a Dockerfile before buildah reads it."""

import pytest

from knative.builder.containers.dockerfile import base_images, declared_arguments, parse, required_secrets

TEXT = """# escape=`
# a comment
ARG VERSION=3.12
FROM --platform=linux/amd64 python:${VERSION} AS build
arg A B="two words" C='x'
RUN pip install `
    # between
    -r requirements.txt

RUN --mount=type=secret,id=TOKEN,required=true --mount=type=cache,target=/c true
RUN --mount=type=secret,target=/run/secrets/KEY,required true
RUN --mount=type=secret,id=OPTIONAL true
FROM scratch
"""


def test_instructions_are_joined_across_lines_with_the_escape_of_the_file() -> None:
    assert ("RUN", ["pip", "install", "-r", "requirements.txt"]) in [(each.name, each.rest.split()) for each in parse(TEXT)]
    assert [(each.name, each.rest.split()) for each in parse("from a\\\n  as b\nCMD x")] == [("FROM", ["a", "as", "b"]), ("CMD", ["x"])]


def test_arguments_and_secrets_are_found() -> None:
    assert declared_arguments(TEXT) == {"VERSION", "A", "B", "C"}
    assert required_secrets(TEXT) == {"TOKEN", "KEY"}
    assert base_images(TEXT) == ("python:${VERSION}", "scratch")


@pytest.mark.parametrize("text", ["", "\\", "# only a comment", "ARG", "FROM", "RUN --mount=type=secret x"])
def test_odd_files_declare_nothing(text: str) -> None:
    assert (declared_arguments(text), required_secrets(text)) == (frozenset(), frozenset())
