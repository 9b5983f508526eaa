"""docs/demo.txt, and what README quotes of it."""

import re
from pathlib import Path

from knative.machine.home import PROJECT, Home, Ports
from tests.documents.transcript import TRANSCRIPT, normalize


def test_names_ports_and_paths_are_normalized() -> None:
    home = Home(Path("/srv/state"), Ports(4200))
    output = "  $ capsule deploy --app hello-3dcc\nhttp://hello-3dcc-staging.localhost:11280\nada-17a056@example.com /srv/state/mail  \n"
    expected = "  $ capsule deploy --app hello\nhttp://hello-staging.localhost:7080\nada@example.com .capsule/mail\n"
    assert normalize(output, home) == expected


def test_the_readme_quotes_the_transcript() -> None:
    block = re.search(r"```text\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    transcript = {line.strip() for line in TRANSCRIPT.read_text().splitlines()}
    assert [line for line in block[1].splitlines() if line.strip() not in transcript] == []


def test_the_transcript_is_normalized() -> None:
    text = TRANSCRIPT.read_text()
    assert "demo: ok" in text.splitlines()
    assert not re.search(r"/root/|/home/|/tmp/|hello-[0-9a-f]{4}\b", text)
