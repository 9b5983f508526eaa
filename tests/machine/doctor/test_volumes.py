"""Whether a volume is encrypted is read from sysfs: every disk below it must be reached through dm-crypt."""

from pathlib import Path

import pytest

from knative.machine.doctor.volumes import Mount, State, device_volume, mount_of, parse_mounts, volume_of

MOUNTS = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 254:9 / /data rw shared:2 - ext4 /dev/mapper/data rw
31 22 0:40 / /data/with\040space rw - zfs tank/apps rw
"""


def device(root: Path, name: str, number: str, uuid: str = "", below: tuple[str, ...] = ()) -> None:
    """A block device as in sysfs: folders under /sys/devices, links from /sys/dev/block and from `slaves`."""
    folder = root / "sys" / "devices" / name
    (folder / "slaves").mkdir(parents=True)
    if uuid:
        (folder / "dm").mkdir()
        (folder / "dm" / "uuid").write_text(f"{uuid}\n")
    for each in below:
        (folder / "slaves" / each).symlink_to(root / "sys" / "devices" / each)
    (root / "sys" / "dev" / "block").mkdir(parents=True, exist_ok=True)
    (root / "sys" / "dev" / "block" / number).symlink_to(folder)


def test_a_folder_belongs_to_the_deepest_mount_above_it() -> None:
    mounts = parse_mounts(MOUNTS)
    found = [mount_of(Path(path), mounts) for path in ("/home/x", "/data/capsule", "/data/with space/x", "/database")]
    assert [mount.source for mount in found if mount] == ["/dev/vda1", "/dev/mapper/data", "tank/apps", "/dev/vda1"]


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ("vda1", State.PLAIN),
        ("luks", State.ENCRYPTED),
        ("lvm-on-luks", State.ENCRYPTED),
        ("luks-on-raid", State.ENCRYPTED),
        ("raid-of-luks", State.ENCRYPTED),
        ("raid-of-luks-and-plain", State.PLAIN),
        ("lvm", State.PLAIN),
    ],
)
def test_every_disk_below_must_be_encrypted(tmp_path: Path, top: str, expected: State) -> None:
    device(tmp_path, "vda1", "254:1")
    device(tmp_path, "vdb1", "254:2")
    device(tmp_path, "luks", "253:0", "CRYPT-LUKS2-0123-data", ("vda1",))
    device(tmp_path, "luks2", "253:1", "CRYPT-LUKS2-4567-data", ("vdb1",))
    device(tmp_path, "lvm-on-luks", "253:2", "LVM-abc", ("luks",))
    device(tmp_path, "raid", "9:0", below=("vda1", "vdb1"))
    device(tmp_path, "luks-on-raid", "253:3", "CRYPT-PLAIN-x", ("raid",))
    device(tmp_path, "raid-of-luks", "9:1", below=("luks", "luks2"))
    device(tmp_path, "raid-of-luks-and-plain", "9:2", below=("luks", "vdb1"))
    device(tmp_path, "lvm", "253:4", "LVM-def", ("vda1",))
    number = next(path.name for path in (tmp_path / "sys/dev/block").iterdir() if path.resolve().name == top)
    assert device_volume(Mount(number, "/", "ext4", f"/dev/{top}"), tmp_path).state is expected


@pytest.mark.parametrize(("uuid", "expected"), [("CRYPT-PLAIN-swap", State.ENCRYPTED), ("LVM-swap", State.PLAIN)])
def test_swap_is_found_by_its_name_and_through_its_link(tmp_path: Path, uuid: str, expected: State) -> None:
    """/proc/swaps has no device numbers, and names /dev/mapper/NAME or /dev/dm-N."""
    device(tmp_path, "vda1", "254:1")
    device(tmp_path, "dm-1", "253:1", uuid, ("vda1",))
    (tmp_path / "sys/class/block").mkdir(parents=True)
    (tmp_path / "sys/class/block/dm-1").symlink_to(tmp_path / "sys/devices/dm-1")
    (tmp_path / "dev/mapper").mkdir(parents=True)
    (tmp_path / "dev/dm-1").touch()
    (tmp_path / "dev/mapper/swap").symlink_to("../dm-1")
    for source in ("/dev/dm-1", "/dev/mapper/swap"):
        assert device_volume(Mount("", "", "swap", source), tmp_path).state is expected


def test_what_cannot_be_seen_is_said(tmp_path: Path) -> None:
    assert device_volume(Mount("0:30", "/", "overlay", "overlay"), tmp_path).state is State.NOT_VISIBLE
    assert device_volume(Mount("8:1", "/", "ext4", "/dev/sda1"), tmp_path).state is State.NOT_VISIBLE
    assert volume_of(tmp_path).state in State  # the real machine, whatever it has
