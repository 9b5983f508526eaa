import importlib
import pkgutil

from tests import bench


def test_every_module_of_the_bench_can_be_imported():
    names = [module.name for module in pkgutil.iter_modules(bench.__path__, "tests.bench.")]
    assert "tests.bench.noisy" in names
    for name in names:
        importlib.import_module(name)
