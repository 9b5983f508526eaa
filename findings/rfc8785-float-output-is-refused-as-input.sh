#!/usr/bin/env bash
# rfc8785: the canonical text of a whole float of 2^53 or more cannot be canonicalized again after json.loads.
#
# Guess:   canonicalization is idempotent: parse canonical JSON, canonicalize it, and the same bytes come back. So a verifier may load a stored
#          document and hash it anew.
# True:    RFC 8785 writes numbers as ECMAScript does, so the float 2^53 becomes 9007199254740992, without a fraction or an exponent. Python's json
#          reads that as an int, and rfc8785 raises IntegerDomainError for ints beyond 2^53 - 1, although the value is the same double. With
#          `parse_int=float` the round trip holds; then ints that no double can represent are rounded without an error.
# Version: rfc8785 0.1.4
# Source:  observed; RFC 8785 section 3.2.2.3 (numbers), RFC 7493 section 2.2 (the range of exact integers)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rfc8785==0.1.4

cat > "$folder/run.py" <<'PYTHON'
import json
from importlib.metadata import version

import rfc8785

print("rfc8785", version("rfc8785"))
for number in (2.0**53 - 1, 2.0**53, 1e20, 1e21):
    text = rfc8785.dumps({"n": number})
    try:
        again = rfc8785.dumps(json.loads(text)) == text
    except rfc8785.IntegerDomainError as error:
        again = type(error).__name__
    print(text.decode(), "| read and canonicalized again:", again, "| parse_int=float:", rfc8785.dumps(json.loads(text, parse_int=float)) == text)
print("9007199254740993 with parse_int=float:", rfc8785.dumps(json.loads("9007199254740993", parse_int=float)).decode())
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
rfc8785 0.1.4
{"n":9007199254740991} | read and canonicalized again: True | parse_int=float: True
{"n":9007199254740992} | read and canonicalized again: IntegerDomainError | parse_int=float: True
{"n":100000000000000000000} | read and canonicalized again: IntegerDomainError | parse_int=float: True
{"n":1e+21} | read and canonicalized again: True | parse_int=float: True
9007199254740993 with parse_int=float: 9007199254740992
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: whole floats of 2^53 to 10^21 are written as integers that are refused as input"
