"""Writes docs/demo.txt, and its line in README, from the output of the demo: `./taskw demo | .venv/bin/python -m tests.documents.transcript`.

Random names, ports of another CAPSULE_PORT_OFFSET and paths of this machine are replaced, so that two transcripts differ only where Capsule does.
"""

import re
import sys
from pathlib import Path

from knative.machine.home import PROJECT, Home

TRANSCRIPT, README = PROJECT / "docs" / "demo.txt", PROJECT / "README.md"
DEPLOYED = re.compile(r"(?m)^✓ r1 serving in staging · .*$")
"""The only line of README's quotation that differs from run to run."""


def normalize(output: str, home: Home) -> str:
    """The output with the default ports, `hello` as the application, `ada@example.com` as the user, and paths as seen in the project."""
    ports = home.ports
    for port in (ports.gateway, ports.amqp, ports.management, ports.api, ports.ingress, ports.stripe, ports.postgres):
        output = re.sub(rf"(?<!\d){port}(?!\d)", str(port - ports.offset), output)
    output = output.replace(str(home.path), ".capsule").replace(f"{PROJECT}/", "").replace(str(Path(sys.executable).parent), ".venv/bin")
    output = re.sub(r"\bhello-[0-9a-f]{4}\b", "hello", output)
    output = re.sub(r"\bada-[0-9a-f]{6}@", "ada@", output)
    output = re.sub(r"interpreter at: \S+", "interpreter at: /usr/bin/python3", output)
    return re.sub(r"(?m)^ *export CAPSULE_API=.*\n|[ \t]+$", "", output)


def main() -> int:
    output = sys.stdin.read()
    sys.stdout.write(output)
    if "demo: ok" not in output.splitlines():
        print("The demo failed; docs/demo.txt is unchanged.", file=sys.stderr)
        return 1
    transcript = normalize(output, Home.from_environment()).strip() + "\n"
    TRANSCRIPT.write_text(transcript)
    deployed = DEPLOYED.search(transcript)
    if deployed is not None:
        README.write_text(DEPLOYED.sub(deployed[0], README.read_text(), count=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
