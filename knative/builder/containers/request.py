"""What to build, as the ordinary user's part of a build hands it to the part that may mount. Both sides are this program; the text is bounded."""

import json
from dataclasses import asdict, dataclass
from typing import Self

DOCKERFILE, IMAGE = "dockerfile", "image"
MAX_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class ContainerRequest:
    kind: str
    """DOCKERFILE or IMAGE."""
    commit: str = ""
    """Of the repository; empty for an image."""
    context: str = ""
    """The folder of the Dockerfile, absolute."""
    start: str = ""
    """A command of the user's that replaces ENTRYPOINT and CMD, a line for /bin/sh; empty: the image's own."""
    release: str = ""
    """The release command, a line for /bin/sh."""
    health: str = ""
    """The repository's own health path."""
    port: int = 0
    """The repository's own port; 0: the image's."""
    processes: str = ""
    """The process types beside web, as JSON."""

    def encode(self) -> bytes:
        """Raises ValueError if the request is longer than MAX_BYTES."""
        encoded = json.dumps(asdict(self)).encode()
        if len(encoded) > MAX_BYTES:
            raise ValueError(f"the commands of the application are longer than {MAX_BYTES:,} bytes")
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        return cls(**json.loads(encoded))


class ContainerBuildNeeded(Exception):
    """The repository or the parameters ask for an image with a root file system of its own."""

    def __init__(self, request: ContainerRequest) -> None:
        super().__init__(request.kind)
        self.request = request
