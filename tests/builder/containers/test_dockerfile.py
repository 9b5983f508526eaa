"""What is read from a Dockerfile before buildah reads it."""

import time

import pytest

from knative.builder.containers.dockerfile import declared_arguments, parse, required_secrets

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


@pytest.mark.parametrize("text", ["", "\\", "# only a comment", "ARG", "FROM", "RUN --mount=type=secret x"])
def test_odd_files_declare_nothing(text: str) -> None:
    assert (declared_arguments(text), required_secrets(text)) == (frozenset(), frozenset())


def test_the_last_instruction_may_end_with_a_continuation() -> None:
    assert [(each.name, each.rest) for each in parse("FROM a\nCMD x \\")] == [("FROM", "a"), ("CMD", "x")]
    assert [(each.name, each.rest) for each in parse("FROM a\nCMD x \\\n\n# end\n")] == [("FROM", "a"), ("CMD", "x")]


def test_a_blank_line_does_not_end_a_continued_instruction() -> None:
    assert [(each.name, each.rest.split()) for each in parse("RUN a \\\n\n  b\nCMD x")] == [("RUN", ["a", "b"]), ("CMD", ["x"])]


def test_only_line_feeds_end_lines() -> None:
    (instruction,) = parse("RUN <<EOF\r\na\fb\u2028c\x85d\r\nEOF\r\n")
    assert instruction.heredocs[0].lines == ("a\fb\u2028c\x85d",)


def test_a_search_for_documents_reads_each_character_once() -> None:
    started_at = time.process_time()
    (instruction,) = parse("RUN " + '\\"' * 100_000 + " <<EOF\nx\nEOF\n")
    assert instruction.heredocs[0].lines == ("x",)
    assert time.process_time() - started_at < 5
