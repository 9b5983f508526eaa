"""Plan PHP applications (devcenter.heroku.com/articles/php-support, railpack.com/languages/php)."""

import re

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning import assets
from knative.builder.planning.declarations import Declarations, build_step
from knative.builder.planning.development import before_server, development_server, server_name
from knative.builder.planning.php_server import START, server_step
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.procfile import PROCFILE
from knative.builder.planning.tree import Tree, string, table
from knative.builder.planning.versions import managed_versions

ROOTS = ("public", "web", "webroot", "htdocs", "www", "src/public", "src", "")
HEROKU = re.compile(r"(?:vendor/bin/)?heroku-php-(?:apache2|nginx)((?:\s+-\S+\s+\S+)*)(?:\s+(\S+))?\s*$")

OTHERS = (
    "package.json", "requirements.txt", "pyproject.toml", "setup.py", "Pipfile", "manage.py", "app.py", "main.py", "go.mod", "go.work", "Gemfile",
    "config.ru", "pom.xml", "build.gradle", "build.gradle.kts", "index.php", "public/index.php", "Dockerfile",
)  # fmt: skip
"""Files of applications that serve something else than the pages beside them."""


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Raises BuildFailure(not-recognized) for a composer.json without a page to serve."""
    has_composer = tree.has("composer.json")
    has_pages = _has_pages(tree)
    if not has_composer and not has_pages and not any(tree.has(f"{root}/index.php".lstrip("/")) for root in ROOTS):
        return None
    manifest = tree.json("composer.json")
    required = table(manifest, "require")
    is_laravel = tree.has("artisan")
    heroku = HEROKU.match(declared.start)
    found = next((root for root in ROOTS if tree.has(f"{root}/index.php".lstrip("/"))), "" if has_pages else None)
    root = (heroku[2] or "").strip("/") if heroku else found
    server = development_server(declared.start) if declared.start_source == PROCFILE else ""
    servers: tuple[Step, ...] = ()
    if declared.start and not heroku and not (server and root is not None):
        start, source = declared.start, declared.start_source
    elif root is None:
        folders = ", ".join(filter(None, ROOTS))
        detail = f"PHP application (composer.json) without index.php in its top folder, {folders}. Add one, or a Procfile with a line `web: …`."
        raise BuildFailure(NOT_RECOGNIZED, detail)
    else:
        before = before_server(declared.start) if server else ""
        page = "index.html" if has_pages else f"{root}/index.php".lstrip("/")
        start, source = f"{before}exec {START}" if before else START, declared.start_source if heroku else page
        servers = (server_step(root, tree.directory),)
    front = assets.find_assets(tree, declared.buildpacks)
    steps, notices = _install(tree, manifest) if has_composer and (required or tree.has("composer.lock")) else ((), ())
    if is_laravel:
        notices += ("Laravel needs the secret APP_KEY; set it with `capsule env set --secret`",)
        if not declared.release and not re.search(r"\bmigrate\b", start):
            notices += ("database migrations do not run by themselves; set the release command `php artisan migrate --force` to run them",)
    composer = (Toolchain("composer"),) if steps else ()
    if server and servers:
        notices += (f"{PROCFILE}: web runs {server_name(server)}, a development server; lighttpd and php-cgi are started",)
    return Plan(
        kind="php",
        reason=f"{'composer.json' if has_composer else tree.find('*.php')[0] if has_pages else 'index.php'}, {source}",
        toolchains=(php_toolchain(tree, manifest), *composer, *front.toolchains),
        steps=(*steps, *front.steps, *build_step(tree, declared), *servers),
        start=start,
        variables={"APP_ENV": "production", "LOG_CHANNEL": "stderr"} if is_laravel else {},
        notices=(*notices, *front.notices),
    )


def _has_pages(tree: Tree) -> bool:
    """Whether a site has pages in PHP beside an index.html: as a static site it would show their sources to visitors."""
    return tree.has("index.html") and not tree.has(*OTHERS) and bool(tree.find("*.php"))


def php_toolchain(tree: Tree, manifest: dict[str, object]) -> Toolchain:
    """Order: config.platform.php and require.php of composer.json, .php-version, .tool-versions and mise.toml."""
    candidates = [
        (string(manifest, "config", "platform", "php"), "composer.json (config.platform.php)"),
        (string(manifest, "require", "php"), "composer.json (require.php)"),
        (tree.text(".php-version").strip(), ".php-version"),
        *managed_versions(tree, "php"),
    ]
    found = next(((constraint, source) for constraint, source in candidates if constraint), ("", ""))
    return Toolchain("php", *found, is_needed_to_run=True)


def _install(tree: Tree, manifest: dict[str, object]) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    has_lock = tree.has("composer.lock")
    source = "composer.lock" if has_lock else "composer.json"
    command = ("composer", "install", "--no-dev", "--prefer-dist", "--optimize-autoloader", "--no-interaction", "--no-progress")
    step = Step(f"Installing from {source}", command, directory=tree.directory)
    return (step,), () if has_lock else ("composer.lock is missing; the newest versions that composer.json allows are installed",)
