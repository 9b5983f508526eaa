"""A build backend (PEP 517) in the repository: arbitrary code that runs while the platform installs the application.

`build.json` lists its actions: [["facts"], ["daemon", "swap_folder", {"canary": …}], …]. It produces an empty wheel.
"""

import json
import os
import zipfile

from probes import building

ROOT = os.path.dirname(os.path.abspath(__file__))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    for name, *arguments in _read("build.json"):
        building.ACTIONS[name](_read("targets.json"), *arguments)
    name = "attacker-1-py3-none-any.whl"
    about = "attacker-1.dist-info"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: attacker\nVersion: 1\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: attacker\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return name


def _read(name):
    with open(os.path.join(ROOT, name)) as file:
        return json.load(file)
