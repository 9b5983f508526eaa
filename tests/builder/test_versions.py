"""Ranges of versions as each language writes them."""

import pytest

from knative.builder.toolchains.versions import InvalidRange, parse_range


@pytest.mark.parametrize(
    ("name", "text", "allowed", "refused"),
    [
        ("python", "3.11", "3.11.7", "3.12.0"),
        ("python", "3", "3.12.1", "2.7.18"),
        ("python", "python-3.11.5", "3.11.5", "3.11.6"),
        ("python", "cpython@3.12", "3.12.4", "3.11.4"),
        ("python", ">=3.9,<3.12", "3.11.9", "3.12.0"),
        ("python", "~=3.10", "3.12.0", "3.9.0"),
        ("python", "!=3.11.1,>=3.11", "3.11.2", "3.11.1"),
        ("python", "^3.9", "3.13.0", "4.0.0"),
        ("python", "~3.11", "3.11.9", "3.12.0"),
        ("python", "^3.9 || ^4.0", "4.1.0", "3.8.0"),
        ("node", "20", "20.11.0", "21.0.0"),
        ("node", "v18.20.1", "18.20.1", "18.20.2"),
        ("node", "20.x", "20.1.0", "22.1.0"),
        ("node", ">=18 <21", "20.0.0", "21.0.0"),
        ("node", ">= 16.0.0", "22.0.0", "14.0.0"),
        ("node", "^18.17.0 || >=20.5.0", "20.9.0", "20.4.0"),
        ("node", "16 - 18", "18.20.0", "19.0.0"),
        ("node", "lts/*", "22.1.0", "23.1.0"),
        ("node", "lts/Iron", "20.3.0", "22.0.0"),
        ("node", "node", "25.0.0", ""),
        ("pnpm", "9.1.0+sha512.67f5", "9.1.0", "9.1.1"),
        ("pnpm", "^9.1", "9.15.9", "10.0.0"),
        ("yarn", "1.x", "1.22.22", "4.0.0"),
        ("go", "1.22", "1.26.1", "1.21.9"),
        ("go", "go1.22.3", "1.22.3", "1.22.2"),
        ("ruby", "ruby-3.1.2", "3.1.2", "3.1.4"),
        ("ruby", "3.1", "3.1.4", "3.2.0"),
        ("ruby", "~> 3.1.0", "3.1.9", "3.2.0"),
        ("ruby", "~> 3.1", "3.4.0", "4.0.0"),
        ("ruby", "~> 3", "3.4.0", "4.0.0"),
        ("ruby", '">= 2.7", "< 3.2"', "3.1.2", "3.2.0"),
        ("ruby", "ruby 3.1.2p20", "3.1.2", "3.1.3"),
        ("ruby", "3.4.0-preview1", "3.4.0a1", "3.4.0"),
        ("php", "^8.1", "8.3.1", "9.0.0"),
        ("php", "~8.1", "8.3.1", "9.0.0"),
        ("php", "~8.1.0", "8.1.9", "8.2.0"),
        ("php", "^7.3|^8.0", "8.2.1", "7.2.0"),
        ("php", ">=8.0,<8.3", "8.2.9", "8.3.0"),
        ("php", ">= 7.4 !=8.1.0", "8.1.1", "8.1.0"),
        ("php", "7.4 - 8.2", "8.2.9", "8.3.0"),
        ("php", "8.2.*", "8.2.29", "8.3.0"),
        ("java", "17", "17.0.15", "21.0.1"),
        ("java", "1.8", "8.0.392", "11.0.1"),
        ("java", "openjdk-21", "21.0.2", "17.0.1"),
    ],
)
def test_ranges(name: str, text: str, allowed: str, refused: str) -> None:
    found = parse_range(name, text)
    assert found.allows(allowed), f"{text} allows {allowed}"
    assert not (refused and found.allows(refused)), f"{text} refuses {refused}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("python", "newest"),
        ("node", "lts/none"),
        ("node", "twenty"),
        ("go", "x"),
        ("ruby", "jruby"),
        ("php", "eight"),
        ("java", "x"),
        ("pnpm", "a b"),
    ],
)
def test_texts_that_are_no_range(name: str, text: str) -> None:
    with pytest.raises(InvalidRange):
        parse_range(name, text)


@pytest.mark.parametrize(
    ("name", "text", "versions", "chosen"),
    [
        ("node", ">=18", ["18.1.0", "22.9.0", "23.4.0"], "22.9.0"),
        ("node", "23", ["22.9.0", "23.4.0"], "23.4.0"),
        ("node", "node", ["22.9.0", "23.4.0"], "23.4.0"),
        ("node", "20", ["20.9.0", "20.10.0"], "20.10.0"),
        ("python", ">=3.9", ["3.9.1", "3.10.1"], "3.10.1"),
    ],
)
def test_the_newest_version_is_chosen_and_long_term_releases_of_node_first(name: str, text: str, versions: list[str], chosen: str) -> None:
    assert parse_range(name, text).newest(versions) == chosen


@pytest.mark.parametrize(
    ("name", "text", "versions", "chosen"),
    [
        ("python", "3.11.5", ["3.11.2", "3.11.7", "3.12.1"], "3.11.7"),
        ("python", "==3.11.5", ["3.11.7"], "3.11.7"),
        ("python", "3.12", ["3.11.7"], None),
        ("java", "21", ["17.0.1", "25.0.1", "26.0.0"], "25.0.1"),
        ("ruby", "3.1.4", ["3.1.2"], None),
    ],
)
def test_versions_that_may_stand_in(name: str, text: str, versions: list[str], chosen: str | None) -> None:
    assert parse_range(name, text).stand_in(versions) == chosen
