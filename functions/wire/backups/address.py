"""The address of a backup store: a folder, or a bucket of S3."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from functions.wire.backups.folder import FolderObjects
from functions.wire.backups.objects import ObjectStore, require_name
from functions.wire.settings import InvalidSetting

OPTIONS = frozenset({"region", "endpoint"})


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """`folder` or `bucket`, and never both."""

    folder: Path | None = None
    bucket: str = ""
    prefix: str = ""
    """Empty, or ends in "/"."""
    region: str | None = None
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `file:///folder` or `s3://[KEY:SECRET@]bucket[/prefix][?region=…&endpoint=…]`. Raises ValueError."""
        parts = urlsplit(text)
        if parts.scheme == "file":
            folder = Path(unquote(parts.path))
            if parts.hostname or not text.startswith("file:///") or not parts.path.strip("/") or ".." in folder.parts:
                raise ValueError("file:// needs an absolute path")
            return cls(folder=folder)
        if parts.scheme != "s3" or not parts.hostname:
            raise ValueError("it needs file:///folder or s3://bucket")
        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        if unknown := options.keys() - OPTIONS:
            raise ValueError(f"unknown option {', '.join(sorted(unknown))}")
        if bool(parts.username) != bool(parts.password):
            raise ValueError("a key needs its secret: s3://KEY:SECRET@bucket")
        endpoint = options.get("endpoint")
        if endpoint is not None and (urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).hostname):
            raise ValueError("the endpoint must be a URL with https:// or http://")
        prefix = parts.path.strip("/")
        return cls(
            bucket=parts.hostname,
            prefix=f"{require_name(prefix)}/" if prefix else "",
            region=options.get("region"),
            endpoint=endpoint,
            access_key=unquote(parts.username) if parts.username else None,
            secret_key=unquote(parts.password) if parts.password else None,
        )

    @property
    def text(self) -> str:
        """For people: without credentials."""
        return str(self.folder) if self.folder else f"s3://{self.bucket}/{self.prefix}"

    def open(self, *, is_shared: bool = False) -> ObjectStore:
        """`is_shared`: as in FolderObjects. Raises InvalidSetting without boto3."""
        if self.folder is not None:
            return FolderObjects(self.folder, is_shared=is_shared)
        if find_spec("boto3") is None:
            raise InvalidSetting("CAPSULE_BACKUP_STORE names a bucket of S3, but boto3 is not installed. Install it: pip install 'capsule[s3]'")
        # Imported when chosen: loading it takes longer than most functions run.
        from functions.wire.backups.s3 import Bucket, S3Objects

        return S3Objects(Bucket(self.bucket, self.prefix, self.region, self.endpoint, self.access_key, self.secret_key))
