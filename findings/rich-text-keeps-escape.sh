#!/usr/bin/env bash
# rich.text.Text removes control characters, but not ESC.
#
# Guess:   printing a Text of somebody else's words is safe for a terminal: Text calls strip_control_codes() on all that it is given, and the console
#          knows the terminal's sequences, because it writes them.
# True:    five characters are removed (BEL, BS, VT, FF, CR). ESC and the C1 controls pass, so a sequence in the text (here: clear the screen, set the
#          title) reaches the terminal; of a title that ends with BEL even the end is removed, and the terminal takes the text behind it as title.
# Version: rich 15.0.0
# Source:  observed; rich/control.py, STRIP_CONTROL_CODES
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rich==15.0.0

cat > "$folder/run.py" <<'PYTHON'
import io
from importlib.metadata import version

from rich.console import Console
from rich.text import Text

print("rich", version("rich"))
for text in ("bell \a back \b return \r.", "clear \x1b[2J.", "title \x1b]0;x\a.", "C1 \x9b2J."):
    written = io.StringIO()
    Console(file=written, width=80).print(Text(text), end="")
    print(ascii(text), "->", ascii(written.getvalue()))
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
rich 15.0.0
'bell \x07 back \x08 return \r.' -> 'bell  back  return .'
'clear \x1b[2J.' -> 'clear \x1b[2J.'
'title \x1b]0;x\x07.' -> 'title \x1b]0;x.'
'C1 \x9b2J.' -> 'C1 \x9b2J.'
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: ESC and C1 pass"
