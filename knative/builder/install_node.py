"""Installs and builds a Node.js repository with the machine's own Node."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from knative.builder.execution import say
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, Failure
from knative.builder.node import OUTPUTS, Node

Run = Callable[..., None]
"""(words, told, in_folder, doing)"""


def install(node: Node, folder: Path, cache: Path, path: str, environment: Mapping[str, str], run: Run) -> None:
    """`folder` gets node_modules and what the build makes. Raises Failure."""
    for program in ("node", "npm"):
        if shutil.which(program, path=path) is None:
            raise Failure(
                BUILD_FAILED,
                f"This is Node.js, and {program} is not installed on this machine. Its operator can mend that: apt-get install nodejs npm",
            )
    if node.wanted:
        say(f"    package.json asks for Node {node.wanted}; it is this machine's Node that is used")
    if not node.locked:
        say("    notice: there is no lock file, so the versions are the newest that package.json allows")
    manager, told = node.manager, {**for_node(environment), **caches(cache)}
    say(f"==> Installing with {manager.name}")
    run([*manager.call, *(manager.install if node.build else manager.production)], told, folder, "installation")
    if node.build:
        say("==> Building: script build")
        run([*manager.call, "run", "build"], {**told, "NODE_ENV": "production"}, folder, "build")
        if node.command and manager.prune:
            run([*manager.call, *manager.prune], told, folder, "installation")


def site_of(node: Node, folder: Path) -> Path:
    """The static site that was built. Raises Failure."""
    for name in OUTPUTS if node.build else (".",):
        if (folder / name / "index.html").is_file():
            return folder / name
    nested = sorted(found.parent for name in OUTPUTS for found in (folder / name).glob("*/index.html"))  # Angular: dist/<project>
    nested += sorted(found.parent for found in (folder / "dist").glob("*/browser/index.html"))
    if nested:
        return nested[0]
    raise Failure(
        NOT_RECOGNIZED,
        f"The build left no index.html in {', '.join(OUTPUTS)}, so there is no static site to serve; and no script `start` says what else answers.",
    )


def caches(cache: Path) -> dict[str, str]:
    return {
        "npm_config_cache": str(cache / "npm"),
        "npm_config_store_dir": str(cache / "pnpm"),
        "YARN_CACHE_FOLDER": str(cache / "yarn"),
        "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
    }


def for_node(environment: Mapping[str, str]) -> dict[str, str]:
    """Quiet, without calls home; what an operator said in npm's or OpenSSL's words, said again in those that the others read."""
    said = {
        "CI": "1", "NO_COLOR": "1", "npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false",
        "npm_config_progress": "false", "npm_config_manage_package_manager_versions": "false", "YARN_ENABLE_TELEMETRY": "0",
        "YARN_NODE_LINKER": "node-modules",
        "YARN_ENABLE_GLOBAL_CACHE": "1", "NEXT_TELEMETRY_DISABLED": "1",
    }  # fmt: skip
    authority = environment.get("NODE_EXTRA_CA_CERTS") or environment.get("NPM_CONFIG_CAFILE") or environment.get("SSL_CERT_FILE")
    if authority:
        said |= {"NODE_EXTRA_CA_CERTS": authority, "npm_config_cafile": authority, "YARN_HTTPS_CA_FILE_PATH": authority}
    registry = next((environment[name] for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry") if environment.get(name)), None)
    if registry:
        said |= {"npm_config_registry": registry, "YARN_NPM_REGISTRY_SERVER": registry, "YARN_REGISTRY": registry}
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        if found := environment.get(name) or environment.get(name.lower()):
            said[f"YARN_{name}"] = found
    return said
