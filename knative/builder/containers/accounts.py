"""Users and groups of an image by its own /etc/passwd and /etc/group (passwd(5), group(5)). Pure."""

import re
from dataclasses import dataclass

IDS = 65_536
NUMBER = re.compile(r"[0-9]{1,10}")
"""`"²".isdigit()` is true, and `int()` takes neither that nor 5,000 digits."""


class UnknownAccount(Exception):
    """The image has no such user or group. The message names it."""


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int
    groups: tuple[int, ...]
    """Supplementary groups."""
    home: str


def find_account(user: str, passwd: str, group: str) -> Account:
    """Return the account that an image's USER names: `user`, `uid`, `user:group`, `uid:gid` and mixtures; empty: user 0.

    Raises UnknownAccount.
    """
    name, _, group_name = user.partition(":")
    users, groups = _entries(passwd, 7), _entries(group, 4)
    entry = next((each for each in users if name in ((each[2],) if NUMBER.fullmatch(name) else (each[0],))), None)
    if entry is None and name == "":
        entry = next((each for each in users if each[2] == "0"), None)
    if entry is None and name and not NUMBER.fullmatch(name):
        known = ", ".join(each[0] for each in users if int(each[2]) >= 1000 and each[0] != "nobody")
        raise UnknownAccount(f'USER {user}: the image has no user "{name}".' + (f" Its users: {known}." if known else ""))
    uid = int(entry[2]) if entry else int(name or "0")
    gid = _group(user, group_name, groups) if group_name else int(entry[3]) if entry else 0
    member = entry[0] if entry else ""
    more = () if group_name else tuple(sorted({int(each[2]) for each in groups if member and member in each[3].split(",")} - {gid}))
    for number in (uid, gid, *more):
        if number >= IDS:
            raise UnknownAccount(f"USER {user}: ids must be below {IDS:,}.")
    return Account(uid, gid, more[:64], entry[5] if entry and entry[5].startswith("/") else "/")


def _group(user: str, name: str, groups: list[list[str]]) -> int:
    if NUMBER.fullmatch(name):
        return int(name)
    found = next((each for each in groups if each[0] == name), None)
    if found is None:
        raise UnknownAccount(f'USER {user}: the image has no group "{name}".')
    return int(found[2])


def _entries(text: str, fields: int) -> list[list[str]]:
    """Lines that are no entry, as of NIS, are left out."""
    split = [line.split(":") for line in text.splitlines()]
    numbers = (2, 3) if fields == 7 else (2,)
    return [each for each in split if len(each) == fields and all(NUMBER.fullmatch(each[number]) for number in numbers)]
