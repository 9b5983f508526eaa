"""The committed files are up to date; the check names the command that fixes them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from functions.describe import __main__ as describe
from functions.describe import outputs, pools
from functions.describe.catalog import Catalog
from functions.kernel import Declaration, Model, query
from functions.kernel.decorators import declarations_of
from functions.runtime.config.registry import Registry, wiring_of
from tests.generated.kinds import PROJECT


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.of(Registry.load().declarations)


@pytest.fixture(scope="module")
def generated(catalog: Catalog) -> Mapping[str, str]:
    return outputs.documents(catalog, wiring_of)


def test_the_generated_files_are_up_to_date(generated: Mapping[str, str]) -> None:
    outdated = outputs.find_outdated(PROJECT, generated) + outputs.find_obsolete(PROJECT, generated)
    assert outdated == [], "to fix it: python -m functions.describe"


def test_generated_files_do_not_depend_on_the_order_of_declarations(catalog: Catalog, generated: Mapping[str, str]) -> None:
    assert outputs.documents(Catalog.of(reversed(catalog.declarations)), wiring_of) == generated


@pytest.fixture
def root(tmp_path: Path, generated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's root with every generated file in it."""
    for name, text in generated.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(describe, "ROOT", tmp_path)
    monkeypatch.setattr(describe, "documents", lambda *_: generated)  # they take seconds
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["describe", *arguments])
    return describe.main()


def test_check_passes_when_all_files_are_up_to_date(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--check") == 0


def test_check_fails_for_an_edited_a_missing_and_an_obsolete_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], generated: Mapping[str, str]
) -> None:
    (root / "schemas/openapi.yaml").write_text("openapi: 3.1.0\n")
    (root / "knative/base/auth.yaml").unlink()
    (root / "schemas/commands/auth.obsolete.json").write_text("{}")
    assert run(monkeypatch, "--check") == 1
    errors = capsys.readouterr().err
    for part in ("schemas/openapi.yaml", "knative/base/auth.yaml", "schemas/commands/auth.obsolete.json", "python -m functions.describe"):
        assert part in errors
    assert run(monkeypatch) == 0, "the command from the message"
    assert run(monkeypatch, "--check") == 0, "fixes it"
    assert not (root / "schemas/commands/auth.obsolete.json").exists()


def test_hand_written_manifests_stay(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "knative/base/broker.yaml").write_text("kind: Broker\n")
    assert run(monkeypatch) == 0
    assert (root / "knative/base/broker.yaml").exists()


def test_connections_of_each_context_stay_within_its_budget(catalog: Catalog) -> None:
    pools.check(catalog)
    context, needed = max(pools.connections(catalog).items(), key=lambda item: item[1])
    with pytest.raises(pools.PoolsTooLarge, match=rf"the functions of {context} need {needed} database connections .* its budget is {needed - 1}"):
        pools.check(catalog, budget=needed - 1)


def test_four_hundred_and_forty_functions_with_default_scales_generate(catalog: Catalog) -> None:
    class Ping(Model):
        pass

    def declared(number: int) -> Declaration:
        async def function(request: Ping) -> Ping:
            return request

        function.__name__, function.__doc__ = f"ping_{number}", "Answer."
        function.__annotations__ = {"request": Ping, "return": Ping}
        function.__module__ = f"functions.{catalog.contexts[number % len(catalog.contexts)]}.queries.ping_{number}"
        return declarations_of(query()(function))[0]

    missing = 500 - len(catalog.declarations)
    assert missing > 0
    everything = Catalog.of((*catalog.declarations, *(declared(number) for number in range(missing))))
    generated = outputs.documents(everything, wiring_of)
    assert sum(text.count("kind: Service\n") for path, text in generated.items() if path.startswith("knative/base/")) >= 500
