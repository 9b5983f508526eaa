"""Files that are written atomically, and that only their owner may read unless their mode allows others."""

import os
import threading
from pathlib import Path


def write_private(path: Path, content: bytes, owner: tuple[int, int] | None = None, *, mode: int = 0o600) -> None:
    """Replace a file atomically. Returns when it is on disk. `owner`: user and group ids; None: this process's. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        if owner is not None:
            os.fchown(file.fileno(), *owner)  # before it has its name: a server may read it at any time
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    draft.replace(path)
