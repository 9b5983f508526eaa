"""RabbitMQ finds the libraries of its enabled plugins, and starts with them (test_rabbitmq)."""

import gzip
import re
from pathlib import Path

import pytest

from knative.machine.packages import find_erlang, find_rabbitmq
from knative.machine.rabbitmq_libraries import STAMP, link, write_specifications

COWBOY = """{application,cowboy,
 [{vsn,"2.8.0"},
  {modules, ['cowboy','cowboy_app',
 'cowboy_req']},
  {applications,[kernel,stdlib,ranch]}]}.
"""


def library(installation: Path, folder: str, *needs: str) -> None:
    name = folder.split("-")[0]
    ebin = installation / "plugins" / folder / "ebin"
    ebin.mkdir(parents=True)
    (ebin / f"{name}.app").write_text(f'{{application, {name}, [{{vsn, "1"}},\n {{applications, [kernel,stdlib,{",".join(needs)}]}}]}}.\n')


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    made = tmp_path / "installed"
    (made / "sbin").mkdir(parents=True)
    (made / "sbin" / "rabbitmq-server").write_text("")
    (made / "escript").mkdir()
    library(made, "rabbit-4.1.0", "rabbitmq_prelaunch")
    library(made, "rabbitmq_prelaunch-4.1.0")
    library(made, "rabbitmq_management-4.1.0", "rabbitmq_agent", "cowboy")
    library(made, "rabbitmq_agent-4.1.0", "rabbitmq_web")
    library(made, "rabbitmq_web-4.1.0")
    library(made, "rabbitmq_mqtt-4.1.0", "rabbitmq_web")
    library(made, "cowboy-2.8.0")
    (made / "plugins" / "rabbitmq_stomp-4.1.0.ez").write_text("")
    return made


def test_plugins_that_nobody_needs_are_left_out(installation: Path, tmp_path: Path) -> None:
    scripts = link(installation, tmp_path / "server", ["rabbitmq_management"])
    assert (scripts / "rabbitmq-server").resolve() == installation / "sbin" / "rabbitmq-server"
    found = {each.name for each in (tmp_path / "server" / "plugins").iterdir()}
    expected = {"rabbit", "rabbitmq_prelaunch", "rabbitmq_management", "rabbitmq_agent", "rabbitmq_web"}
    assert found == {f"{name}-4.1.0" for name in expected} | {"cowboy-2.8.0", "rabbitmq_stomp-4.1.0.ez"}


def test_a_former_version_is_replaced(installation: Path, tmp_path: Path) -> None:
    link(installation, tmp_path / "server", ["rabbitmq_mqtt"])
    link(installation, tmp_path / "server", [])
    assert not (tmp_path / "server" / "plugins" / "rabbitmq_mqtt-4.1.0").exists()


def test_what_is_complete_and_current_is_left_alone(installation: Path, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    link(installation, folder, ["rabbitmq_management"])
    before = folder.stat().st_ino
    link(installation, folder, ["rabbitmq_management"])
    assert folder.stat().st_ino == before
    library(installation, "rabbitmq_new-4.1.1")
    link(installation, folder, ["rabbitmq_management", "rabbitmq_new"])
    assert (folder / "plugins" / "rabbitmq_new-4.1.1").exists()


def test_what_an_interrupted_start_left_is_made_anew(installation: Path, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    link(installation, folder, ["rabbitmq_management"])
    (folder / STAMP).unlink()
    (folder / "plugins" / "rabbit-4.1.0").unlink()
    link(installation, folder, ["rabbitmq_management"])
    assert (folder / "plugins" / "rabbit-4.1.0").exists()


def test_half_of_the_installed_plugins_are_left_out(tmp_path: Path) -> None:
    sbin = find_rabbitmq()
    assert sbin is not None
    installed = sbin.resolve().parent
    link(installed, tmp_path / "server", ["rabbitmq_management"])
    names = {each.name.split("-")[0] for each in (tmp_path / "server" / "plugins").iterdir()}
    assert {"rabbit", "rabbit_common", "rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_web_dispatch", "cowboy"} <= names
    assert len(names) < 0.7 * len(list((installed / "plugins").iterdir()))


def test_libraries_of_others_have_specifications_without_modules(installation: Path, tmp_path: Path) -> None:
    ebin = installation / "plugins" / "cowboy-2.8.0" / "ebin"
    (ebin / "cowboy.app").write_text(COWBOY)
    (ebin / "cowboy.beam").write_text("code")
    (ebin.parent / "priv").mkdir()
    link(installation, tmp_path / "server", ["rabbitmq_management"])
    linked = tmp_path / "server" / "plugins" / "cowboy-2.8.0"
    assert (linked / "ebin" / "cowboy.app").read_text() == COWBOY.replace("['cowboy','cowboy_app',\n 'cowboy_req']", "[]")
    assert (linked / "ebin" / "cowboy.beam").read_text() == "code"
    assert (linked / "priv").resolve() == ebin.parent / "priv"
    assert (ebin / "cowboy.app").read_text() == COWBOY, "the installed one is not changed"


def test_rabbitmqs_own_libraries_name_their_modules(installation: Path, tmp_path: Path) -> None:
    link(installation, tmp_path / "server", ["rabbitmq_management"])
    for name in ("rabbit-4.1.0", "rabbitmq_management-4.1.0"):
        assert (tmp_path / "server" / "plugins" / name).resolve() == installation / "plugins" / name


def test_erlangs_libraries_have_specifications_without_modules(tmp_path: Path) -> None:
    ebin = tmp_path / "lib" / "cowboy-2.8.0" / "ebin"
    ebin.mkdir(parents=True)
    (ebin / "cowboy.app").write_text(COWBOY)
    for _ in range(2):
        write_specifications(tmp_path / "lib", tmp_path / "applications")
    assert {each.name for each in (tmp_path / "applications").iterdir()} == {"cowboy.app", STAMP}
    assert "{modules, []}" in (tmp_path / "applications" / "cowboy.app").read_text()


def test_only_libraries_of_rabbitmq_declare_anything_to_it() -> None:
    """Otherwise a specification without modules would hide a boot step, an upgrade or a feature flag of the installed version."""
    sbin, erlang = find_rabbitmq(), find_erlang()
    assert sbin is not None and erlang is not None
    attribute = re.compile(rb"rabbit_(boot_step|upgrade|mnesia_upgrade|feature_flag)")
    libraries = [*(sbin.resolve().parent / "plugins").iterdir(), *(erlang / "lib").iterdir()]
    own = {each for each in libraries if each.name.startswith("rabbit")}
    declaring = {each for each in libraries for beam in each.glob("ebin/*.beam") if (code := attributes_of(beam)) and attribute.search(code)}
    assert declaring and declaring <= own


def attributes_of(beam: Path) -> bytes:
    """The chunk `Attr` of a module (beam_lib(3) of Erlang/OTP), an IFF file."""
    data = beam.read_bytes()
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    start = data.find(b"Attr", 12)
    return data[start + 8 : start + 8 + int.from_bytes(data[start + 4 : start + 8], "big")] if start > 0 else b""
