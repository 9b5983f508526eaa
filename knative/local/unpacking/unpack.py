"""Unpack a tar stream into new files, within limits: `python -I unpack.py FOLDER PREFIX OWNERS BYTES FILE_BYTES ENTRIES < archive`.

The stream comes from a build's workspace and is not trusted. This program runs alone in a sandbox, without a network or other
files.

PREFIX is the name of the archive's folder; its content is written to FOLDER. Modes become 0755 or 0644, owners are dropped, times stay
(Python compares them with its byte code). With OWNERS 1 (an image with a root file system of its own; this program is then user 0 of its
own range of ids) owners and permissions stay, without set-user-ID and set-group-ID bits.

Exit codes: 0 unpacked, 3 refused, 1 other failure. The reason is one sentence on stderr.
"""

import errno
import os
import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

from knative.local.unpacking.archive import CHUNK, Archive, Refused
from knative.local.unpacking.unpacker import Limits, Unpacker

REFUSED = 3


def main(arguments: list[str]) -> int:
    folder, prefix, owners, *limits = arguments
    os.umask(0)
    try:
        with open(0, "rb", buffering=CHUNK, closefd=False) as stream:
            root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            Unpacker(root, os.fsencode(prefix), Limits(*map(int, limits)), owners == "1").unpack(Archive(stream))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return REFUSED
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        print("There is no disk space left for the image." if is_full else f"The image cannot be written: {error.strerror}.", file=sys.stderr)
        return REFUSED if is_full else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
