"""Files that only their owner may read, written atomically."""

import os
import threading
from pathlib import Path


def write_private(path: Path, content: bytes, owner: tuple[int, int] | None = None) -> None:
    """Replace a file atomically, with mode 0600. Returns when it is on disk. `owner`: user and group ids; None: this process's. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        if owner is not None:
            os.fchown(file.fileno(), *owner)  # before it has its name: a server may read it at any time
        os.fsync(file.fileno())
    draft.replace(path)
