"""RabbitMQ finds the libraries of its enabled plugins, and starts with them (test_rabbitmq)."""

from pathlib import Path

import pytest

from knative.machine.packages import find_rabbitmq
from knative.machine.rabbitmq_libraries import link


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


def test_half_of_the_installed_plugins_are_left_out(tmp_path: Path) -> None:
    sbin = find_rabbitmq()
    assert sbin is not None
    installed = sbin.resolve().parent
    link(installed, tmp_path / "server", ["rabbitmq_management"])
    names = {each.name.split("-")[0] for each in (tmp_path / "server" / "plugins").iterdir()}
    assert {"rabbit", "rabbit_common", "rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_web_dispatch", "cowboy"} <= names
    assert len(names) < 0.7 * len(list((installed / "plugins").iterdir()))
