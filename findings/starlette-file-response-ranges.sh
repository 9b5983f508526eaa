#!/usr/bin/env bash
# Starlette's FileResponse reads Range differently from RFC 9110 in three points.
#
# Guess:   a Range that a server does not understand is ignored (section 14.2); a set of ranges is satisfiable if one of them is (section 14.1.2);
#          a HEAD request has no range (section 14.2: only GET is defined).
# True:    a unit other than bytes, or one range whose end is before its start, is answered 400; a set of which one range is beyond the end is
#          answered 416, although the others exist; HEAD is answered 206 with the length of the part.
# Version: starlette 1.10.0
# Source:  observed; starlette/responses.py, FileResponse._parse_range_header
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check starlette==1.10.0

cat > "$folder/run.py" <<'PYTHON'
import asyncio
import sys
from importlib.metadata import version

from starlette.responses import FileResponse


async def ask(method, value):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        await asyncio.Future()

    scope = {"type": "http", "method": method, "headers": [(b"range", value.encode())], "asgi": {"spec_version": "2.4"}}
    await FileResponse(sys.argv[1])(scope, receive, send)
    length = dict(sent[0]["headers"]).get(b"content-length", b"-").decode()
    return f"{method} Range: {value} -> {sent[0]['status']}, content-length {length}"


print("starlette", version("starlette"))
for method, value in (
    ("GET", "bytes=0-4"),
    ("GET", "items=0-4"),
    ("GET", "bytes=9-5"),
    ("GET", "bytes=0-4,500-"),
    ("HEAD", "bytes=0-4"),
):
    print(asyncio.run(ask(method, value)))
PYTHON
head -c 100 /dev/zero > "$folder/file.bin"
"$folder/venv/bin/python" "$folder/run.py" "$folder/file.bin" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
starlette 1.10.0
GET Range: bytes=0-4 -> 206, content-length 5
GET Range: items=0-4 -> 400, content-length 24
GET Range: bytes=9-5 -> 400, content-length 41
GET Range: bytes=0-4,500- -> 416, content-length 0
HEAD Range: bytes=0-4 -> 206, content-length 5
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: 400, 416 and 206 where the RFC has 200, 206 and 200"
