"""Ranges of versions in the grammars of the languages: PEP 440, npm's semver, Go's, RubyGems', Composer's, and Java's majors. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import nodesemver
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion

NODE_LTS = {
    "argon": 4, "boron": 6, "carbon": 8, "dubnium": 10, "erbium": 12, "fermium": 14, "gallium": 16, "hydrogen": 18, "iron": 20, "jod": 22,
    "krypton": 24,
}  # fmt: skip
"""Code names of Node.js' long-term releases (https://github.com/nodejs/Release)."""
NEWEST_NODE = frozenset({"node", "latest", "current"})
SUPPORTED_NODE = frozenset({"lts", "lts/*", "lts/-0", "stable", "*", "x"})
_BARE = re.compile(r"v?\d+(\.\d+)*(\.[x*])?")


class InvalidRange(ValueError):
    """The text is no range of versions in the language's grammar."""


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Versions that satisfy a constraint. `text`: as the repository states it."""

    text: str
    allows: Callable[[str], bool]
    prefers_even: bool = False
    """Long-term releases of Node.js have even majors: the newest of these comes first."""
    nearby: Callable[[str], bool] | None = None
    """Versions that may stand in when none satisfies the range: other patch releases, newer compilers."""
    takes_oldest: bool = False
    """Of the versions that stand in, the oldest is the nearest."""

    def newest(self, versions: Iterable[str]) -> str | None:
        """Return the version to use of those that satisfy the range, None if there is none."""
        found = [each for each in versions if self.allows(each)]
        return max(found, key=self._order, default=None)

    def stand_in(self, versions: Iterable[str]) -> str | None:
        """Return the version that comes nearest to the range, None if none is near."""
        found = [each for each in versions if self.nearby and self.nearby(each)]
        return (min if self.takes_oldest else max)(found, key=release, default=None)

    def _order(self, version: str) -> tuple[bool, tuple[int, ...]]:
        numbers = release(version)
        return (not self.prefers_even or numbers[0] % 2 == 0, numbers)


def release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: (22, 1, 0) of `v22.1.0`. A pre-release counts as its release."""
    return tuple(int(each) for each in re.findall(r"\d+", version.split("-")[0].split("+")[0])) or (0,)


def parse_range(name: str, text: str) -> VersionRange:
    """Return the range of a toolchain's constraint. An empty text allows every version. Raises InvalidRange."""
    text = text.strip().strip("\"'")
    if not text:
        return VersionRange("", lambda version: True)
    try:
        return _GRAMMARS.get(name, _npm)(text)
    except (InvalidSpecifier, InvalidVersion, ValueError) as error:
        raise InvalidRange(text) from error


def _python(text: str) -> VersionRange:
    bare = re.sub(r"^(?:c?python)?[-@]?\s*", "", text, flags=re.IGNORECASE)
    if re.fullmatch(r"\d+(\.\d+){2,}([abrc]+\d+)?", bare):
        return VersionRange(text, SpecifierSet(f"=={bare}").contains, nearby=_same_minor(bare))
    if _BARE.fullmatch(bare):
        return VersionRange(text, SpecifierSet(f"=={re.sub(r'[.][x*]$', '', bare.lstrip('v'))}.*").contains)
    if "^" in text or "||" in text or re.search(r"~(?!=)", text):  # Poetry's grammar
        return VersionRange(text, _semver(text.replace(",", " ")).allows)
    found = SpecifierSet(text)
    exact = re.fullmatch(r"===?\s*(\d+\.\d+\.\d+)", text)
    return VersionRange(text, found.contains, nearby=_same_minor(exact[1]) if exact else None)


def _same_minor(version: str) -> Callable[[str], bool]:
    return lambda other: release(other)[:2] == release(version)[:2]


def _node(text: str) -> VersionRange:
    word = text.lower()
    if word in NEWEST_NODE:
        return VersionRange(text, lambda version: True)
    if word in SUPPORTED_NODE:
        return VersionRange(text, lambda version: release(version)[0] % 2 == 0)
    if word.startswith("lts/"):
        if (major := NODE_LTS.get(word.removeprefix("lts/"))) is None:
            raise InvalidRange(text)
        return VersionRange(text, lambda version: release(version)[0] == major)
    return VersionRange(text, _semver(word.removeprefix("node").lstrip("-@ ")).allows, prefers_even=True)


def _npm(text: str) -> VersionRange:
    return _semver(text.split("+sha")[0])


def _semver(text: str) -> VersionRange:
    found = nodesemver.make_range(text, loose=True)

    def allows(version: str) -> bool:
        return bool(nodesemver.satisfies(_three_numbers(version), found.raw, loose=True))

    return VersionRange(text, allows)


def _three_numbers(version: str) -> str:
    """Complete 8.2 to 8.2.0, as semver needs."""
    return version if "-" in version or len(release(version)) >= 3 else ".".join(map(str, (*release(version), 0, 0)[:3]))


def _go(text: str) -> VersionRange:
    """Go's version is a minimum (https://go.dev/ref/mod#go-mod-file-go)."""
    bare = text.removeprefix("go").lstrip("@ ")
    if not re.fullmatch(r"v?\d+(\.\d+)*((rc|beta)\d+)?(\.x)?", bare):
        raise InvalidRange(text)
    minimum = release(re.sub(r"(rc|beta)\d+$", "", bare))
    return VersionRange(text, lambda version: release(version) >= minimum)


def _ruby(text: str) -> VersionRange:
    """RubyGems' requirements (https://guides.rubygems.org/patterns/#pessimistic-version-constraint)."""
    bare = re.sub(r"^ruby[- ]", "", text)
    specifiers = []
    for part in filter(None, (each.strip(" \"'[]") for each in bare.split(","))):
        match = re.fullmatch(r"(~>|>=|<=|!=|=|<|>)?\s*(\d[\w.]*)(?:-(preview|rc)(\d+))?", part)
        operator, version = (match[1], match[2]) if match else ("", "")
        version = re.sub(r"p\d+$", "", version) + (f"{'rc' if match[3] == 'rc' else 'a'}{match[4]}" if match and match[3] else "")
        match operator:
            case "~>" if "." not in version:
                specifiers.append(f">={version},<{int(version) + 1}")
            case "~>":
                specifiers.append(f"~={version}")
            case None | "=" if len(release(version)) < 3:
                specifiers.append(f"=={version}.*")
            case None | "=":
                specifiers.append(f"=={version}")
            case "":
                raise InvalidRange(text)
            case _:
                specifiers.append(f"{operator}{version}")
    return VersionRange(text, SpecifierSet(",".join(specifiers)).contains)


def _composer(text: str) -> VersionRange:
    """Composer's constraints (https://getcomposer.org/doc/articles/versions.md). `~1.2` allows 1.9, other than in npm."""
    alternatives = re.split(r"\s*\|\|?\s*", re.sub(r"@\w+|(?<=\d)-(?:dev|stable)\b", "", text))
    ranges = [[_composer_part(part) for part in re.split(r"[\s,]+", re.sub(r"([<>=!~^]+)\s+", r"\1", each.strip()))] for each in alternatives]
    hyphens = [re.fullmatch(r"\s*(\S+)\s+-\s+(\S+)\s*", each) for each in alternatives]
    found = [
        _semver(f"{hyphen[1]} - {hyphen[2]}").allows if hyphen else (lambda version, parts=parts: all(part(version) for part in parts))
        for hyphen, parts in zip(hyphens, ranges, strict=True)
    ]
    return VersionRange(text, lambda version: any(each(version) for each in found))


def _composer_part(part: str) -> Callable[[str], bool]:
    if part.startswith("!="):
        excluded = _semver(part.removeprefix("!="))
        return lambda version: not excluded.allows(version)
    if part.startswith("~") and len(numbers := release(part)) == 2:
        return _semver(f">={numbers[0]}.{numbers[1]} <{numbers[0] + 1}").allows
    if part == "-":
        return lambda version: True
    return _semver(part.lstrip("v").removeprefix("==")).allows


def _java(text: str) -> VersionRange:
    """A major: 17, 1.8, 21.0.2, openjdk-17. A newer JDK compiles and runs older programs."""
    numbers = release(re.sub(r"^[a-z]+-", "", text.lower()))
    major = numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]
    if not major:
        raise InvalidRange(text)
    return VersionRange(text, lambda version: release(version)[0] == major, nearby=lambda version: release(version)[0] > major, takes_oldest=True)


_GRAMMARS: dict[str, Callable[[str], VersionRange]] = {
    "python": _python, "uv": _python, "poetry": _python, "pipenv": _python, "node": _node, "go": _go, "ruby": _ruby, "bundler": _ruby,
    "php": _composer, "composer": _composer, "java": _java,
}  # fmt: skip
