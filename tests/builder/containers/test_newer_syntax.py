"""Dockerfiles with newer syntax, as buildah 1.28 reads them."""

import pytest

from knative.builder.containers.newer_syntax import rewrite
from knative.builder.failure import BuildFailure

NEWER = """# syntax=docker/dockerfile:1
FROM debian
COPY --link --from=build /a /b
RUN --mount=type=cache,target=/c <<EOF
set -e
FROM=x make \\
  all
EOF
RUN cat <<-"A" > /etc/a
\tone $X
\tA
COPY --chmod=644 <<'EOF' <<B.conf extra /etc/d/
raw $uri
EOF
plain \\$x
B.conf
SHELL ["/bin/bash", "-c"]
RUN <<EOF
#!/usr/bin/env python3
print(1)
EOF
HEALTHCHECK --start-interval=5s CMD true
CMD ["/b"]
"""


def test_newer_syntax_becomes_older_syntax() -> None:
    rewritten = rewrite(NEWER)
    assert rewritten.text.splitlines() == [
        "# syntax=docker/dockerfile:1",
        "FROM debian",
        "COPY --from=build /a /b",
        'RUN --mount=type=cache,target=/c ["/bin/sh", "-c", "set -e\\nFROM=x make \\\\\\n  all\\n"]',
        'RUN ["/bin/sh", "-c", "cat <<-\\"A\\" > /etc/a\\n\\tone $X\\nA\\n"]',
        "COPY --chmod=644 extra /etc/d/",
        "COPY --chmod=644 --from=capsule-heredocs 4/EOF 4/B.conf /etc/d/",
        'SHELL ["/bin/bash", "-c"]',
        'RUN ["/bin/bash", "-c", "script=$(mktemp) && cat > \\"$script\\" <<\'END_OF_SCRIPT\' && chmod 755 \\"$script\\" && \\"$script\\"'
        '\\n#!/usr/bin/env python3\\nprint(1)\\nEND_OF_SCRIPT\\n"]',
        "HEALTHCHECK CMD true",
        'CMD ["/b"]',
    ]
    assert rewritten.documents == {"4/EOF": "raw $uri\n", "4/B.conf": "plain $x\n"}


@pytest.mark.parametrize(
    "text",
    [
        'FROM scratch\nRUN sh -c "cat <<EOF"\n',
        "FROM scratch\nRUN echo $((1<<2)) <<<word\n",
        "FROM scratch\nRUN cat <<EOF\nnever ends\n",
        "FROM scratch\r\nCOPY a \\\r\n  # between\r\n  b\r\n",
        "from scratch\nHEALTHCHECK NONE",
    ],
)
def test_other_files_stay_as_they_are(text: str) -> None:
    assert rewrite(text).text == text


def test_a_variable_in_a_copied_document_is_named() -> None:
    with pytest.raises(BuildFailure) as failure:
        rewrite("FROM nginx\nCOPY <<EOF /etc/nginx/conf.d/a.conf\nlisten ${PORT};\nEOF\n")
    assert "has the variable ${PORT} in its lines (listen ${PORT};)" in failure.value.detail
    assert "Write <<'EOF'" in failure.value.detail


def test_a_stage_has_the_shell_of_the_stage_that_it_continues() -> None:
    run = "RUN <<EOF\ntrue\nEOF\n"
    text = f'FROM debian AS Base\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nFROM base AS next\nFROM next\n{run}FROM debian\n{run}'
    runs = [line for line in rewrite(text).text.splitlines() if line.startswith("RUN")]
    assert runs == ['RUN ["/bin/bash", "-o", "pipefail", "-c", "true\\n"]', 'RUN ["/bin/sh", "-c", "true\\n"]']


def test_a_document_of_onbuild() -> None:
    assert rewrite("FROM a\nONBUILD RUN <<EOF\ntrue\nEOF\n").text == 'FROM a\nONBUILD RUN ["/bin/sh", "-c", "true\\n"]\n'
    with pytest.raises(BuildFailure, match="ONBUILD COPY <<EOF` has its lines only in this build"):
        rewrite("FROM a\nONBUILD COPY <<EOF /b\nx\nEOF\n")
