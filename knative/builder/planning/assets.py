"""Frontend assets of applications in other languages: a package.json beside their manifest."""

from dataclasses import dataclass

from knative.builder.planning.node_packages import choose_manager
from knative.builder.planning.node_scripts import scripts_of
from knative.builder.planning.plan import Step, Toolchain
from knative.builder.planning.tree import Tree
from knative.builder.planning.versions import node_toolchain


@dataclass(frozen=True, slots=True)
class Assets:
    toolchains: tuple[Toolchain, ...] = ()
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()


def find_assets(tree: Tree, buildpacks: tuple[str, ...] = (), *, is_always_installed: bool = False, runs_build: bool = True) -> Assets:
    """Return the steps that install and build package.json, where it has a script `build` or app.json names Node.js.

    `is_always_installed`: the language's own build needs the packages (Rails). `runs_build`: it does not run the script itself.
    """
    if not tree.has("package.json"):
        return Assets()
    manifest = tree.json("package.json")
    scripts = scripts_of(manifest)
    script = next((name for name in ("heroku-postbuild", "build") if name in scripts), "")
    if not script and not is_always_installed and "node" not in buildpacks:
        return Assets(notices=("package.json is not used: it has no script build",))
    manager = choose_manager(tree, manifest)
    build = (manager.run(script, tree.directory, NODE_ENV="production"),) if script and runs_build else ()
    toolchains = (node_toolchain(tree, manifest, is_needed_to_run=False), manager.toolchain)
    return Assets(toolchains, (manager.install(is_production=False), *build), manager.notices)
