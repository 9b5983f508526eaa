"""Fixtures that every folder of tests shares: `postgres.database("auth")`, `rabbitmq.vhost()`, and servers of a test's own to stop and start."""

import gc
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from knative.machine import bytecode, packages
from knative.machine.home import Home, Ports
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import USER, RabbitMQ
from tests import http_clients, proof, rewriting, selection
from tests.servers import HOME, Brokers, Databases, Servers, discard, fresh_home

settings.register_profile("capsule", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # how long an example takes says nothing
settings.load_profile("capsule")

_THROWN_AWAY = pytest.StashKey[Path]()
_servers: Servers | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    proof.add_options(parser)
    selection.add_options(parser)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    if config.getoption("dist") != "loadfile":
        return None
    from tests.scheduling import GroupScheduling  # imports pytest-xdist, which a run without workers may have switched off

    return GroupScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests live until the end. The garbage collector looks for none among them, neither while they are loaded nor while tests run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    proof.select(config, items)
    selection.select(config, items)


def pytest_configure(config: pytest.Config) -> None:
    """The folder of the servers is named before the workers are started, so that they inherit it."""
    http_clients.set_defaults()
    config.addinivalue_line("markers", "proof(name): belongs to a proof, run by ./taskw proof NAME alone")
    if HOME not in os.environ:
        path = Path(tempfile.mkdtemp(prefix="capsule-tests-", dir="/tmp"))
        path.chmod(0o711)
        os.environ[HOME] = str(path)
        if not config.getoption("--fast"):
            packages.install(list(packages.TESTS), print)
        bytecode.compile_modules()
        if config.getoption("numprocesses", None) and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            rewriting.compile_tests(config)
        config.stash[_THROWN_AWAY] = path
    else:
        Path(os.environ[HOME]).mkdir(parents=True, exist_ok=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    path = config.stash.get(_THROWN_AWAY, None)
    if path:
        discard(Servers(path).home() if (path / "offset").exists() else Home(path, Ports()))
        os.environ.pop(HOME)


def servers() -> Servers:
    global _servers
    if _servers is None:
        _servers = Servers(Path(os.environ[HOME]))
    return _servers


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Databases and virtual hosts live as long as their module's tests, so that module-scoped fixtures may hold them."""
    if _servers is not None and (nextitem is None or nextitem.path != item.path):
        item.session._setupstate.teardown_exact(nextitem)  # the fixtures that use them end first
        _servers.forget()


@pytest.fixture(scope="session")
def postgres() -> Databases:
    """PostgreSQL, shared by the run: `postgres.database("auth")` has .owner_url and .functions_url of a fresh migrated database."""
    return Databases(servers(), servers().postgres())


@pytest.fixture(scope="session")
def rabbitmq() -> Brokers:
    """RabbitMQ, shared by the run: `rabbitmq.vhost()` is the AMQP address of a fresh virtual host."""
    return Brokers(servers(), servers().rabbitmq())


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgreSQL]:
    """A PostgreSQL that may be stopped, killed and started: `.database(context)`, `.stop()`, `.start()`."""
    home = fresh_home()
    home.create()
    packages.install([packages.POSTGRES], print)
    server = PostgreSQL(home)
    server.start()
    server.create_databases()
    yield server
    discard(home)


@contextmanager
def running_rabbitmq() -> Iterator[RabbitMQ]:
    home = fresh_home()
    home.create()
    packages.install([packages.RABBITMQ], print)
    server = RabbitMQ(home)
    server.start()
    yield server
    discard(home)


@pytest.fixture(scope="module")
def own_rabbitmq() -> Iterator[RabbitMQ]:
    """A RabbitMQ that may be stopped, killed and started: `.url`, `.stop()`, `.start()`."""
    with running_rabbitmq() as server:
        yield server


@pytest.fixture(scope="session")
def lasting_rabbitmq() -> Iterator[RabbitMQ]:
    with running_rabbitmq() as server:
        yield server


@pytest.fixture(scope="module")
def emptied_rabbitmq(lasting_rabbitmq: RabbitMQ) -> RabbitMQ:
    """A RabbitMQ whose users and default virtual host a module may change. They are as after the first start; the server must not be stopped."""
    for user in lasting_rabbitmq.management("GET", "/api/users"):
        if user["name"] != USER:
            lasting_rabbitmq.management("DELETE", f"/api/users/{user['name']}")
    lasting_rabbitmq.delete_vhost("/")
    lasting_rabbitmq.create_vhost("/")
    return lasting_rabbitmq
