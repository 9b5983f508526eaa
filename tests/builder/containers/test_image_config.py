"""What starts, as which user, on which port."""

from typing import Any

import pytest

from knative.builder.containers.accounts import Account, UnknownAccount, find_account
from knative.builder.containers.image_config import listening_port, read_config
from knative.builder.failure import BuildFailure

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n+::::::\nbroken\nwww:x:33:33::relative:/bin/sh\n"
GROUP = "root:x:0:\nnode:x:1000:\nvideo:x:44:node,other\nweb:x:90:node\n"


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("", Account(0, 0, (), "/root")),
        ("node", Account(1000, 1000, (44, 90), "/home/node")),
        ("1000", Account(1000, 1000, (44, 90), "/home/node")),
        ("node:video", Account(1000, 44, (), "/home/node")),
        ("5000", Account(5000, 0, (), "/")),
        ("5000:6000", Account(5000, 6000, (), "/")),
        ("www", Account(33, 33, (), "/")),
    ],
)
def test_a_user_is_found_in_the_image_s_accounts(user: str, account: Account) -> None:
    assert find_account(user, PASSWD, GROUP) == account


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("nobody1", 'the image has no user "nobody1". Its users: node.'),
        ("node:nogroup", 'the image has no group "nogroup"'),
        ("70000", "ids must be below 65,536"),
        ("²", 'the image has no user "²"'),
        ("9" * 5000, "the image has no user"),
        ("0:²", 'the image has no group "²"'),
    ],
)
def test_an_unknown_account_is_named(user: str, words: str) -> None:
    with pytest.raises(UnknownAccount, match=words):
        find_account(user, PASSWD, GROUP)


def test_an_image_without_accounts_has_user_0() -> None:
    assert find_account("", "", "") == Account(0, 0, (), "/")


@pytest.mark.parametrize(
    ("env", "exposed", "port"),
    [
        ({}, [], 0),
        ({}, ["80/tcp"], 80),
        ({}, ["9000/tcp", "443", "53/udp"], 443),
        ({}, ["9000/tcp", "8080/tcp"], 8080),
        ({"PORT": "4000"}, ["80/tcp"], 4000),
        ({"PORT": "$X"}, ["0/tcp", "99999/tcp"], 0),
    ],
)
def test_requests_go_to_the_port_that_the_image_names(env: dict[str, str], exposed: list[str], port: int) -> None:
    assert listening_port(env, dict.fromkeys(exposed)) == port


def test_entrypoint_and_command_are_joined_and_a_start_command_replaces_both() -> None:
    config: dict[str, Any] = {
        "Entrypoint": ["/docker-entrypoint.sh"],
        "Cmd": ["nginx", "-g", "daemon off;"],
        "Env": ["A=b=c", "odd"],
        "WorkingDir": "srv",
    }
    found = read_config(config, "", "The Dockerfile")
    assert (found.command, found.env, found.directory) == (("/docker-entrypoint.sh", "nginx", "-g", "daemon off;"), {"A": "b=c"}, "/srv")
    assert read_config(config, "serve --all", "The Dockerfile").command == ("/bin/sh", "-c", "serve --all")


def test_an_image_without_a_command_is_refused() -> None:
    with pytest.raises(BuildFailure, match="The Dockerfile has neither CMD nor ENTRYPOINT"):
        read_config({"Entrypoint": None}, "", "The Dockerfile")


def test_instructions_without_effect_are_named() -> None:
    config = {
        "Cmd": ["x"], "Healthcheck": {"Test": ["CMD-SHELL", "curl localhost"]}, "Volumes": {"/data": {}}, "StopSignal": "SIGQUIT",
        "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
    }  # fmt: skip
    assert [notice.split()[0] for notice in read_config(config, "", "").notices] == ["HEALTHCHECK", "VOLUME", "STOPSIGNAL", "EXPOSE"]
    assert read_config({"Cmd": ["x"], "Healthcheck": {"Test": ["NONE"]}, "StopSignal": "SIGTERM"}, "", "").notices == ()
