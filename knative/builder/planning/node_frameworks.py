"""What frameworks of Node.js serve in production: a server of their own, or the static site that their build writes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from knative.builder.planning.addresses import BIND, PORT, with_host
from knative.builder.planning.plan import Step
from knative.builder.planning.sites import OUTPUT_FOLDERS, any_of
from knative.builder.planning.tree import Tree, join, table


@dataclass(frozen=True, slots=True)
class Application:
    """A package of Node.js: its folder, its package.json and the folder of its workspace (relative to the repository)."""

    tree: Tree
    manifest: dict[str, Any] = field(hash=False)
    workspace: str = "."

    def has(self, *packages: str) -> bool:
        """Whether package.json lists one of the packages."""
        listed = {**table(self.manifest, "dependencies"), **table(self.manifest, "devDependencies")}
        return any(package in listed for package in packages)

    def config(self, name: str) -> str:
        """Return the text of a configuration file without comments: `next.config` in any of its languages."""
        files = [f"{name}.{suffix}" for suffix in ("js", "mjs", "cjs", "ts", "mts", "cts")]
        return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", self.tree.text(self.tree.first(*files)), flags=re.DOTALL)

    def option(self, name: str, option: str) -> str:
        """Return a string option of a configuration file."""
        match = re.search(rf"\b{option}\s*:\s*[\"'`]([^\"'`]+)[\"'`]", self.config(name))
        return match[1] if match else ""


@dataclass(frozen=True, slots=True)
class Served:
    """How a framework's build is served: `start`, or `site`."""

    name: str
    start: str = ""
    site: str = ""
    is_single_page: bool = False
    build: str = ""
    """The build command of a package without a script `build`."""
    build_variables: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    """After the build."""
    refusal: str = ""
    """Why its build serves nothing here."""


def find_framework(application: Application) -> Served | None:
    """Return how the application's framework is served. None if it has none, or one that leaves it to the application (Express)."""
    return next((served for find in FRAMEWORKS if (served := find(application))), None)


def _next(application: Application) -> Served | None:
    if not application.has("next"):
        return None
    output, folder = application.option("next.config", "output"), application.option("next.config", "distDir") or ".next"
    if output == "export":
        return Served("Next.js", site=any_of(folder if folder != ".next" else "out", "out"), build="next build")
    if output == "standalone":
        nested = (
            "" if application.tree.directory == application.workspace else join(application.tree.directory).removeprefix(f"{application.workspace}/")
        )
        target = f"{folder}/standalone/{nested}".rstrip("/")
        copy = f"mkdir -p {target}/{folder} && cp -R {folder}/static {target}/{folder}/ && if [ -d public ]; then cp -R public {target}/; fi"
        step = Step("Copying static files to the standalone server", ("sh", "-c", copy), directory=application.tree.directory)
        return Served("Next.js", with_host(f"node {target}/server.js", "HOSTNAME"), build="next build", steps=(step,))
    return Served("Next.js", f'next start -H "{BIND}" -p "{PORT}"', build="next build")


def _nuxt(application: Application) -> Served | None:
    if application.has("nuxt", "nuxt3", "nuxt-nightly", "nitropack", "nitro") and not _major(application, "nuxt", 2):
        if _script(application, "generate") and re.search(r"\b(nuxt|nuxi) generate\b", _script(application, "build")):
            return Served("Nuxt", site=any_of(".output/public", "dist"), build="nuxt build")
        return Served("Nuxt", with_host("node .output/server/index.mjs", "HOST", "NITRO_HOST"), build="nuxt build")
    if application.has("nuxt", "nuxt-edge"):
        if application.option("nuxt.config", "target") == "static":
            return Served("Nuxt", site="dist", build="nuxt generate")
        return Served("Nuxt", f'nuxt start -H "{BIND}" -p "{PORT}"', build="nuxt build")
    return None


def _nest(application: Application) -> Served | None:
    if not application.has("@nestjs/core"):
        return None
    root = re.search(r'"sourceRoot"\s*:\s*"(apps/[^"/]+)', application.tree.text("nest-cli.json"))
    main = f"dist/{root[1]}/main" if root else "dist/main"
    return Served("Nest", f"node {main}", build="nest build")


def _astro(application: Application) -> Served | None:
    if not application.has("astro"):
        return None
    config = application.config("astro.config")
    if application.has("@astrojs/node") and re.search(r"\badapter\s*:", config):
        if re.search(r"mode\s*:\s*[\"']middleware[\"']", config):
            return None
        return Served("Astro", with_host("node ./dist/server/entry.mjs", "HOST"), build="astro build")
    if re.search(r"\boutput\s*:\s*[\"'](server|hybrid)[\"']", config) or re.search(r"\badapter\s*:", config):
        return Served("Astro", refusal="Astro renders on a server of another platform. Use the adapter @astrojs/node in astro.config")
    return Served("Astro", site=any_of(application.option("astro.config", "outDir").removeprefix("./") or "dist", "dist"), build="astro build")


def _svelte(application: Application) -> Served | None:
    if not application.has("@sveltejs/kit"):
        return None
    if application.has("@sveltejs/adapter-static"):
        fallback, pages = (application.option("svelte.config", option) for option in ("fallback", "pages"))
        return Served("SvelteKit", site=any_of(*([pages] if pages else []), "build", "dist"), is_single_page=bool(fallback), build="vite build")
    folder = application.option("svelte.config", "out") or "build"
    if application.has("@sveltejs/adapter-node"):
        return Served("SvelteKit", with_host(f"node {folder}", "HOST"), build="vite build")
    if application.has("@sveltejs/adapter-auto"):  # it installs adapter-node where this variable names a buildpack
        return Served("SvelteKit", with_host("node build", "HOST"), build="vite build", build_variables={"GCP_BUILDPACKS": "true"})
    return Served("SvelteKit", refusal="SvelteKit has no adapter for a server. Use @sveltejs/adapter-node in svelte.config.js")


def _remix(application: Application) -> Served | None:
    config = application.config("react-router.config") + application.config("vite.config")
    if application.has("@remix-run/node", "@remix-run/serve", "@react-router/node", "@react-router/serve"):
        if re.search(r"\bssr\s*:\s*false", config):
            return Served("React Router", site="build/client", is_single_page=True, build="react-router build")
        is_vite = application.has("vite")
        program = "react-router-serve" if application.has("@react-router/serve") else "remix-serve" if application.has("@remix-run/serve") else ""
        if not program:
            return None  # a server of the application's own
        path = "./build/server/index.js" if is_vite or application.has("@react-router/node") else "./build/index.js"
        build = "react-router build" if application.has("@react-router/dev") else "remix vite:build" if is_vite else "remix build"
        return Served("Remix" if program == "remix-serve" else "React Router", with_host(f"{program} {path}", "HOST"), build=build)
    return None


def _angular(application: Application) -> Served | None:
    if not application.has("@angular/core") or not application.has("@angular/cli", "@angular-devkit/build-angular", "@angular/build"):
        return None
    project = application.tree.text("angular.json")
    server = next(
        (line for name, line in table(application.manifest, "scripts").items() if name.startswith("serve:ssr") and isinstance(line, str)), ""
    )
    if server.startswith("node ") and re.search(r'"(ssr|server)"\s*:', project):
        return Served("Angular", server, build="ng build")
    path = re.search(r'"outputPath"\s*:\s*"([^"]+)"', project)
    folders = (path[1].rstrip("/"), f"{path[1].rstrip('/')}/browser") if path else ()
    return Served("Angular", site=any_of(*folders, "dist/*/browser", "dist/*", "dist"), is_single_page=True, build="ng build")


def _site(name: str, packages: tuple[str, ...], folder: str, build: str, *, is_single_page: bool) -> Callable[[Application], Served | None]:
    def find(application: Application) -> Served | None:
        return Served(name, site=folder, is_single_page=is_single_page, build=build) if application.has(*packages) else None

    return find


def _vite(application: Application) -> Served | None:
    """Vite writes `build.outDir` below `root`, both of vite.config. A page of an own server (Express) is served by that server."""
    if not application.has("vite", "rolldown-vite", "vite-plus"):
        return None
    root = application.option("vite.config", "root").removeprefix("./").rstrip("/")
    folder = application.option("vite.config", "outDir").removeprefix("./") or "dist"
    places = (join(root, folder), folder) if root and not root.startswith(("/", "..")) else (folder,)
    clean = [place for place in places if not place.startswith(("..", "/"))]
    return Served("Vite", site=any_of(*clean, *OUTPUT_FOLDERS), is_single_page=True, build="vite build")


def _tanstack(application: Application) -> Served | None:
    if not application.has("@tanstack/react-start", "@tanstack/solid-start", "@solidjs/start", "vinxi"):
        return None
    return Served("TanStack Start", with_host("node .output/server/index.mjs", "HOST", "NITRO_HOST"), build="vite build")


FRAMEWORKS: tuple[Callable[[Application], Served | None], ...] = (
    _next,
    _nuxt,
    _tanstack,
    _nest,
    _astro,
    _svelte,
    _remix,
    _angular,
    _site("Gatsby", ("gatsby",), "public", "gatsby build", is_single_page=False),
    _site("Docusaurus", ("@docusaurus/core",), "build", "docusaurus build", is_single_page=False),
    _site("VitePress", ("vitepress",), any_of("docs/.vitepress/dist", ".vitepress/dist", "dist"), "vitepress build", is_single_page=False),
    _site("Expo", ("react-native-web",), "dist", "expo export --platform web", is_single_page=True),
    _site("Eleventy", ("@11ty/eleventy",), any_of("_site", *OUTPUT_FOLDERS), "eleventy", is_single_page=False),
    _site(
        "Create React App",
        ("react-scripts", "react-app-rewired", "@craco/craco"),
        any_of("build", "dist"),
        "react-scripts build",
        is_single_page=True,
    ),
    _site("Vue CLI", ("@vue/cli-service",), "dist", "vue-cli-service build", is_single_page=True),
    _vite,
    _site("Parcel", ("parcel", "parcel-bundler"), any_of("dist", *OUTPUT_FOLDERS), "parcel build", is_single_page=True),
)


def with_address(application: Application, line: str) -> str:
    """Return a start line with the platform's address and port, if it runs the server of a framework and nothing else."""
    if re.search(r"[;&|<>\n]", line):
        return line
    server = re.sub(r"^(?:(?:cross-env|env)\s+)?(?:\w+=\S*\s+)*(?:npx\s+)?", "", line)
    if re.match(r"next\s+start\b", server) or (re.match(r"nuxt\s+start\b", server) and _major(application, "nuxt", 2)):
        return f'{line} -H "{BIND}" -p "{PORT}"'
    names = next((names for pattern, names in SERVERS.items() if re.match(pattern, server)), ())
    if server.startswith("node ") and not names and application.has("@sveltejs/adapter-node") and re.match(r"node\s+(?:\./)?build\b", server):
        names = ("HOST",)
    return with_host(line.removeprefix("cross-env ") if line.startswith("cross-env ") else line, *names) if names else line


SERVERS = {
    r"(remix-serve|react-router-serve)\s": ("HOST",),
    r"node\s+(\./)?\S*\.output/server/index\.mjs": ("HOST", "NITRO_HOST"),
    r"node\s+(\./)?\S*dist/server/entry\.mjs": ("HOST",),
    r"node\s+(\./)?\S*\.next/standalone/\S*server\.js": ("HOSTNAME",),
}
"""Servers that frameworks build → the variables that they read their address from."""


def _script(application: Application, name: str) -> str:
    return str(table(application.manifest, "scripts").get(name, ""))


def _major(application: Application, package: str, major: int) -> bool:
    listed = {**table(application.manifest, "devDependencies"), **table(application.manifest, "dependencies")}
    return re.match(rf"[\^~>=v\s]*{major}\b", str(listed.get(package, ""))) is not None
