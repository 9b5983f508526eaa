"""The toolchains of this machine: what is installed, and in which version."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knative.builder.toolchains.versions import release

GO_FOLDERS = ("/usr/local/go/bin", "/usr/lib/go/bin")
JAVA_FOLDER = Path("/usr/lib/jvm")
Run = Callable[[Sequence[str]], Sequence[str]]
"""Runs a program and returns its lines; none if it fails."""

PACKAGES = {
    "python": "python3", "node": "nodejs npm", "npm": "npm", "go": "golang-go", "ruby": "ruby-full bundler", "bundler": "bundler",
    "php": "php-cli php-cgi lighttpd php-curl php-mbstring php-xml php-zip",
    "composer": "composer", "java": "openjdk-17-jdk-headless", "maven": "maven",
    "gradle": "gradle",
}  # fmt: skip
"""Toolchain → the Debian packages that install it."""
VERSION_COMMANDS = {
    "node": ("node", "--version"),
    "npm": ("npm", "--version"),
    "go": ("go", "version"),
    "ruby": ("ruby", "--version"),
    "php": ("php", "-n", "-r", "echo PHP_VERSION;"),
    "bundler": ("bundle", "--version"),
    "composer": ("composer", "--no-ansi", "--version"),
    "maven": ("mvn", "-v"),
    "gradle": ("gradle", "--version"),
}
SLOW_PROGRAMS = frozenset({"bundler", "composer", "maven", "gradle"})


@dataclass(frozen=True, slots=True)
class Found:
    """A version on this machine. `home`: the folder of a JDK; the interpreter of a Python, None if it can be downloaded."""

    version: str
    programs: Path | None = None
    home: Path | None = None


class Machine:
    """Looks toolchains up. `path`: where programs are searched."""

    def __init__(self, run: Run, path: str) -> None:
        self._run, self._path = run, path

    def find(self, name: str) -> Sequence[Found]:
        """Return the versions of a toolchain on this machine, the default first."""
        match name:
            case "java":
                return sorted(_find_jdks(), key=lambda found: release(found.version))
            case "go":
                return self._find_program(name, (*self._path.split(":"), *GO_FOLDERS))
        return self._find_program(name, self._path.split(":")) if name in VERSION_COMMANDS else ()

    def has_any_version(self, name: str) -> bool:
        """Return whether a program is on PATH, without running it: Maven and Composer take long to tell their versions."""
        return name in SLOW_PROGRAMS and shutil.which(VERSION_COMMANDS[name][0], path=self._path) is not None

    def _find_program(self, name: str, folders: Sequence[str]) -> Sequence[Found]:
        program, *arguments = VERSION_COMMANDS[name]
        path = shutil.which(program, path=":".join(folders))
        lines = self._run([path, *arguments]) if path else ()
        version = next((match[0] for line in lines if (match := re.search(r"\d+\.\d+(\.\d+)?", line))), None)
        if path is None or version is None:
            return ()
        folder = Path(path).parent
        return (Found(version, None if str(folder) in self._path.split(":") else folder),)


def _find_jdks() -> Iterator[Found]:
    """A JDK is a folder with a `release` file and a compiler."""
    seen = set()
    for home in sorted(JAVA_FOLDER.glob("*")):
        real = home.resolve()
        if real in seen or not (real / "bin" / "javac").exists():
            continue
        seen.add(real)
        text = (real / "release").read_text(errors="replace") if (real / "release").is_file() else ""
        if version := re.search(r'JAVA_VERSION="([^"]+)"', text):
            yield Found(version[1], real / "bin", real)
