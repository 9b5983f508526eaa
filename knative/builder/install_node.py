"""Install and build a Node.js repository with this machine's Node.js."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from knative.builder.execution import log
from knative.builder.failure import BUILD_FAILED, NOT_RECOGNIZED, BuildFailure
from knative.builder.node import OUTPUT_FOLDERS, NodePlan

Run = Callable[[list[str], Mapping[str, str], Path, str], None]
"""(command, variables, folder, step)"""


def install(plan: NodePlan, folder: Path, cache: Path, path: str, environment: Mapping[str, str], run: Run) -> None:
    """Install dependencies into `folder` and run the build script there. `path`: where programs are looked up. Raises BuildFailure."""
    for program in ("node", "npm"):
        if shutil.which(program, path=path) is None:
            detail = f"The repository needs Node.js, but {program} is not installed on this machine. Operators: apt-get install nodejs npm"
            raise BuildFailure(BUILD_FAILED, detail)
    if plan.engine:
        log(f"    notice: package.json requires Node.js {plan.engine}; this machine's Node.js is used")
    if not plan.has_lock_file:
        log("    notice: no lock file; the newest versions that package.json allows are installed")
    manager, variables = plan.manager, {**node_settings(environment), **cache_settings(cache)}
    log(f"==> Installing with {manager.name}")
    run([*manager.command, *(manager.install if plan.has_build else manager.install_production)], variables, folder, "Installation")
    if plan.has_build:
        log("==> Running script build")
        run([*manager.command, "run", "build"], {**variables, "NODE_ENV": "production"}, folder, "Script build")
        if plan.command and manager.prune:
            run([*manager.command, *manager.prune], variables, folder, "Installation")


def site_folder(plan: NodePlan, folder: Path) -> Path:
    """Return the folder of the static site after its build. Raises BuildFailure if there is no index.html."""
    for name in OUTPUT_FOLDERS if plan.has_build else (".",):
        if (folder / name / "index.html").is_file():
            return folder / name
    nested = sorted(page.parent for name in OUTPUT_FOLDERS for page in (folder / name).glob("*/index.html"))  # Angular: dist/<project>
    nested += sorted(page.parent for page in (folder / "dist").glob("*/browser/index.html"))
    if nested:
        return nested[0]
    detail = f"Script build created no index.html in {', '.join(OUTPUT_FOLDERS)}. If this is not a static site, add a script `start`."
    raise BuildFailure(NOT_RECOGNIZED, detail)


def cache_settings(cache: Path) -> dict[str, str]:
    """Where npm, pnpm and yarn keep downloads."""
    return {
        "npm_config_cache": str(cache / "npm"),
        "npm_config_store_dir": str(cache / "pnpm"),
        "YARN_CACHE_FOLDER": str(cache / "yarn"),
        "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
    }


def node_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return settings that silence installers, switch telemetry off, and translate the operator's registry, proxy and certificates.

    npm, yarn and Node.js read different variables for the same setting: each gets its own.
    """
    settings = {
        "CI": "1", "NO_COLOR": "1", "npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false",
        "npm_config_progress": "false", "npm_config_manage_package_manager_versions": "false", "YARN_ENABLE_TELEMETRY": "0",
        "YARN_NODE_LINKER": "node-modules",
        "YARN_ENABLE_GLOBAL_CACHE": "1", "NEXT_TELEMETRY_DISABLED": "1",
    }  # fmt: skip
    authority = environment.get("NODE_EXTRA_CA_CERTS") or environment.get("NPM_CONFIG_CAFILE") or environment.get("SSL_CERT_FILE")
    if authority:
        settings |= {"NODE_EXTRA_CA_CERTS": authority, "npm_config_cafile": authority, "YARN_HTTPS_CA_FILE_PATH": authority}
    registry = next((environment[name] for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry") if environment.get(name)), None)
    if registry:
        settings |= {"npm_config_registry": registry, "YARN_NPM_REGISTRY_SERVER": registry, "YARN_REGISTRY": registry}
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        if value := environment.get(name) or environment.get(name.lower()):
            settings[f"YARN_{name}"] = value
    return settings
