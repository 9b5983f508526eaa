"""Rows of `./taskw status` about the disk."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table

from knative.machine import status
from knative.machine.home import Home

MIB = 1 << 20


def row(table: Table) -> list[str]:
    """The only one."""
    return [str(next(iter(column.cells))) for column in table.columns]


@pytest.fixture
def table() -> Table:
    return Table("", "what", "state", "where", "memory")


def test_containers_disks_count_what_is_allocated(tmp_path: Path, table: Table) -> None:
    for name, written in (("one", 2 * MIB), ("two", 3 * MIB)):
        disks = tmp_path / "knative" / "pods" / "app-shop" / name / "disks"
        disks.mkdir(parents=True)
        with (disks / "root-1.img").open("wb") as file:
            file.write(b"x" * written)
            file.truncate(1 << 30)
    status._disks(table, Home(tmp_path))
    assert row(table)[:3] == [status.GOOD, "containers' disks", "2, 5 MB"]


def test_no_container_has_a_disk(tmp_path: Path, table: Table) -> None:
    status._disks(table, Home(tmp_path))
    assert row(table)[:3] == [status.IDLE, "containers' disks", "none"]


@pytest.mark.parametrize(
    "pressure, well",
    [
        (None, True),
        ({"reserve_bytes": 1, "ends_at_bytes": 1, "is_under_pressure": False}, True),
        ({"reserve_bytes": 1 << 60, "ends_at_bytes": 1 << 60, "is_under_pressure": False}, False),
        ({"reserve_bytes": 1, "ends_at_bytes": 1 << 60, "is_under_pressure": True}, False),
        ({"reserve_bytes": 1, "ends_at_bytes": 1, "is_under_pressure": True}, True),
    ],
)
def test_free_disk_is_red_below_the_reserve_and_until_the_pressure_ends(tmp_path: Path, table: Table, pressure: Any, well: bool) -> None:
    if pressure is not None:
        (tmp_path / "knative").mkdir()
        (tmp_path / "knative" / "disk-pressure.json").write_text(json.dumps(pressure))
    environment = {"CAPSULE_DISK_RESERVE_GIB": "0"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(environment.items())))
        assert status._free_space(table, Home(tmp_path)) is well
    found = row(table)
    assert found[0] == (status.GOOD if well else status.BAD) and ", reserve " in found[2]
    assert ("DiskPressure" in found[3]) is not well
