"""Plan Ruby applications (devcenter.heroku.com/articles/ruby-support)."""

import re

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning import assets
from knative.builder.planning.addresses import BIND, PORT
from knative.builder.planning.declarations import Declarations
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.tree import Tree
from knative.builder.planning.versions import managed_versions

BUNDLE = {"BUNDLE_PATH": "vendor/bundle", "BUNDLE_WITHOUT": "development:test"}
JAVASCRIPT_GEMS = ("jsbundling-rails", "cssbundling-rails", "webpacker", "shakapacker", "vite_rails", "vite_ruby")
PRECOMPILE = 'SECRET_KEY_BASE="${SECRET_KEY_BASE:-precompile}" bundle exec rake assets:precompile'
SERVERS = {
    "puma": f'puma -b "tcp://{BIND}:{PORT}" config.ru',
    "unicorn": f'unicorn -o "{BIND}" -p "{PORT}" config.ru',
    "thin": f'thin start -a "{BIND}" -p "{PORT}" -R config.ru',
    "passenger": f'passenger start -a "{BIND}" -p "{PORT}"',
    "falcon": f'falcon serve -b "http://{BIND}:{PORT}"',
    "rackup": f'rackup -o "{BIND}" -p "{PORT}" config.ru',
}
SCRIPTS = ("app.rb", "main.rb", "server.rb", "application.rb")


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Raises BuildFailure(not-recognized) for a Ruby project without a start command."""
    if not tree.has("Gemfile", "gems.rb"):
        return None
    gems = find_gems(tree)
    is_rails = "rails" in gems or "railties" in gems or tree.has("config/application.rb")
    if "jekyll" in gems and tree.has("_config.yml", "_config.toml") and not declared.start:
        return _site(tree, "Jekyll", ("bundle", "exec", "jekyll", "build"), "_site")
    if "middleman" in gems and not declared.start:
        return _site(tree, "Middleman", ("bundle", "exec", "middleman", "build"), "build")
    start, source = (declared.start, declared.start_source) if declared.start else _start(tree, gems, is_rails=is_rails)
    variables = {**_bundle(tree), "RUBYOPT": "-rbundler/setup", "RACK_ENV": "production", "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
    variables |= {"RAILS_ENV": "production", "RAILS_LOG_TO_STDOUT": "1", "RAILS_SERVE_STATIC_FILES": "1"} if is_rails else {"APP_ENV": "production"}
    has_bundling = bool(gems & frozenset(JAVASCRIPT_GEMS))
    front = assets.find_assets(tree, declared.buildpacks, is_always_installed=has_bundling, runs_build=not has_bundling)
    has_assets = (
        is_rails
        and bool(gems & {"sprockets", "sprockets-rails", "propshaft", *JAVASCRIPT_GEMS})
        and bool(tree.find("app/assets/**/*", "app/javascript/**/*"))
    )
    builds = []
    if declared.build:
        builds.append(Step("Running the build command", ("sh", "-c", declared.build), variables, tree.directory))
    elif has_assets:
        builds.append(Step("Precompiling assets", ("sh", "-c", PRECOMPILE), variables, tree.directory))
    notices = [*front.notices]
    if is_rails:
        notices.append("Rails needs the secret SECRET_KEY_BASE or RAILS_MASTER_KEY; set it with `capsule env set --secret`")
        if not declared.release and tree.find("db/migrate/*.rb"):
            notices.append("database migrations do not run by themselves; set the release command `bundle exec rails db:migrate` to run them")
    return Plan(
        kind="ruby",
        reason=f"Gemfile, {source}",
        toolchains=(ruby_toolchain(tree), _bundler(), *front.toolchains),
        steps=(_install(tree), *front.steps, *builds),
        start=start,
        variables=variables,
        notices=tuple(notices),
    )


def find_gems(tree: Tree) -> frozenset[str]:
    """Return the gems of the lock file, else those that the Gemfile lists."""
    if lock := tree.text("Gemfile.lock"):
        return frozenset(re.findall(r"(?m)^ {4}([\w.-]+) \(", lock))
    return frozenset(re.findall(r"(?m)^\s*gem\s*\(?\s*[\"']([\w.-]+)[\"']", tree.text("Gemfile") or tree.text("gems.rb")))


def ruby_toolchain(tree: Tree, *, is_needed_to_run: bool = True) -> Toolchain:
    """Order: Gemfile, its lock file, .ruby-version, .tool-versions and mise.toml."""
    gemfile = tree.text("Gemfile") or tree.text("gems.rb")
    named = re.search(r"(?m)^\s*ruby\s*\(?\s*((?:[\"'][^\"']+[\"'][,\s]*)+)(?!file:)", gemfile)
    requirements = re.findall(r"[\"']([^\"']+)[\"']", named[1]) if named else []
    locked = re.search(r"(?m)^RUBY VERSION\n\s+ruby (\d+\.\d+\.\d+)", tree.text("Gemfile.lock"))
    version = re.match(r"(?:ruby-)?([\w.-]+)", tree.text(".ruby-version").strip())
    engine = re.search(r"(?m)^\s*ruby\b.*?\bengine(?:\s*:|:?\s*=>)\s*[\"'](\w+)[\"']", gemfile)
    if engine and engine[1] != "ruby":  # JRuby, TruffleRuby: refused by name
        return Toolchain("ruby", engine[1], "Gemfile (engine)", is_needed_to_run=is_needed_to_run)
    candidates = [
        (", ".join(requirements), "Gemfile"),
        (locked[1] if locked else "", "Gemfile.lock"),
        (version[1] if version and version[1] != "system" else "", ".ruby-version"),
        *managed_versions(tree, "ruby"),
    ]
    found = next(((constraint, source) for constraint, source in candidates if constraint not in ("", "latest")), ("", ""))
    return Toolchain("ruby", *found, is_needed_to_run=is_needed_to_run)


def _bundler(*, is_needed_to_run: bool = True) -> Toolchain:
    """Any version reads the lock files of the others."""
    return Toolchain("bundler", is_needed_to_run=is_needed_to_run)


def _bundle(tree: Tree) -> dict[str, str]:
    """Programs of the gems go to vendor/bin, which is on PATH; a Ruby without `bundle exec` finds the gems too."""
    return {**BUNDLE, "BUNDLE_BIN": "vendor/bin", **({"BUNDLE_DEPLOYMENT": "1"} if tree.has("Gemfile.lock") else {})}


def _install(tree: Tree) -> Step:
    """A repository with the gems in vendor/cache needs no index."""
    local = ("--local",) if tree.find("vendor/cache/*.gem") else ()
    source = "Gemfile.lock" if tree.has("Gemfile.lock") else "Gemfile"
    return Step(f"Installing from {source}", ("bundle", "install", *local), _bundle(tree), tree.directory)


def _start(tree: Tree, gems: frozenset[str], *, is_rails: bool) -> tuple[str, str]:
    if is_rails:
        return f'bundle exec rails server -e production -b "{BIND}" -p "{PORT}"', "Rails"
    if tree.has("config.ru"):
        server = next((name for name in SERVERS if name in gems), "rackup")
        return f"bundle exec {SERVERS[server]}", "config.ru"
    for name in SCRIPTS:
        if tree.has(name):
            is_sinatra = re.search(r"require\s+[\"']sinatra[\"']", tree.text(name)) is not None
            return (f'bundle exec ruby {name} -o "{BIND}" -p "{PORT}"' if is_sinatra else f"bundle exec ruby {name}"), name
    detail = f"Ruby application (Gemfile) without a start command. Add a Procfile with a line `web: …`, config.ru, or one of {', '.join(SCRIPTS)}."
    raise BuildFailure(NOT_RECOGNIZED, detail)


def _site(tree: Tree, name: str, command: tuple[str, ...], folder: str) -> Plan:
    variables = {"BUNDLE_PATH": "vendor/bundle", "JEKYLL_ENV": "production"}
    steps = (
        Step("Installing from Gemfile", ("bundle", "install"), variables, tree.directory),
        Step("Building the site", command, variables, tree.directory),
    )
    toolchains = (ruby_toolchain(tree, is_needed_to_run=False), _bundler(is_needed_to_run=False))
    return Plan("static", f"Gemfile, {name}", toolchains, steps, site=folder)
