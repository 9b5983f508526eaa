#!/usr/bin/env bash
# segno, OpenCV: `segno.make` of a short text is a Micro QR code, which OpenCV's QRCodeDetector does not find.
#
# Guess:   a library's plain "make a QR code" makes the QR code that every reader reads (ISO/IEC 18004 model 2, versions 1 to 40); Micro QR codes,
#          a format of their own with one finder pattern, have to be asked for.
# True:    `segno.make` chooses the smallest symbol of both kinds: up to 35 digits (and fewer letters) become M1 to M4. OpenCV's detector looks for
#          three finder patterns and returns an empty text, without an error; zxing-cpp reads both. `micro=False` or `segno.make_qr` avoids it. A code
#          that works with a long text in the tests is unreadable when a short one, such as a device code, is encoded.
# Version: segno 1.6.6, opencv-python-headless 5.0.0.93, zxing-cpp 3.1.1
# Source:  observed; the parameter `micro` of segno.make
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check segno==1.6.6 opencv-python-headless==5.0.0.93 zxing-cpp==3.1.1 pillow numpy

cat > "$folder/run.py" <<'PYTHON'
import io
from importlib.metadata import version

import cv2
import numpy
import segno
import zxingcpp
from PIL import Image

print("segno", version("segno"), "opencv", version("opencv-python-headless"), "zxing-cpp", version("zxing-cpp"))
for text in ("123456", "WDJB-MJHT", "https://capsule.example.org/device"):
    for micro in (None, False):
        code, image = segno.make(text, micro=micro), io.BytesIO()
        code.save(image, kind="png", scale=10, border=6)
        pixels = numpy.array(Image.open(image).convert("L"))
        opencv = cv2.QRCodeDetector().detectAndDecode(pixels)[0]
        zxing = zxingcpp.read_barcodes(pixels)[0].text
        print(f"{text} micro={micro}: {'Micro QR' if code.is_micro else 'QR'} {code.version}, OpenCV {opencv == text}, zxing-cpp {zxing == text}")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
segno 1.6.6 opencv 5.0.0.93 zxing-cpp 3.1.1
123456 micro=None: Micro QR M2, OpenCV False, zxing-cpp True
123456 micro=False: QR 1, OpenCV True, zxing-cpp True
WDJB-MJHT micro=None: Micro QR M3, OpenCV False, zxing-cpp True
WDJB-MJHT micro=False: QR 1, OpenCV True, zxing-cpp True
https://capsule.example.org/device micro=None: QR 3, OpenCV True, zxing-cpp True
https://capsule.example.org/device micro=False: QR 3, OpenCV True, zxing-cpp True
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: short texts become Micro QR codes, which OpenCV does not read"
