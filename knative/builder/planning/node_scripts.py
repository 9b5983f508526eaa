"""What the scripts of package.json run, and which packages that needs."""

import re
from dataclasses import dataclass
from typing import Any

from knative.builder.planning.development import development_server
from knative.builder.planning.tree import Tree, join, string, table

CALL = re.compile(
    r"^(?:(?:npm|pnpm|yarn)\s+(?:run|run-script)\s+(?:-s\s+|--silent\s+)?([\w:.-]+)|(?:npm|pnpm|yarn)\s+(start|test)|(?:yarn|pnpm)\s+([\w:.-]+))$"
)
SOURCE = re.compile(r"\.(?:js|mjs|cjs|jsx|ts|mts|cts|tsx)$")
NOT_PRODUCTION = re.compile(
    r"(^|/)(tests?|__tests__|__mocks__|spec|e2e|cypress|scripts|\.storybook|stories|docs|examples)/|\.(test|spec|stories|config|d)\.\w+$"
    r"|(^|/)(gulpfile|Gruntfile|webpack[^/]*|vite\.[^/]*|rollup[^/]*|\.[^/]*rc)\.\w+$"
)
MAX_SOURCES = 2000
BUILTINS = frozenset(
    {"node", "env", "exec", "cd", "echo", "export", "test", "true", "[", "sh", "bash", "set", "mkdir", "cp", "sleep", "npm", "yarn", "pnpm", "npx"}
)
PROGRAMS = {
    "next": "next", "nuxt": "nuxt", "remix-serve": "@remix-run/serve", "react-router-serve": "@react-router/serve", "nest": "@nestjs/cli",
    "tsc": "typescript",
    "prisma": "prisma", "sequelize": "sequelize-cli", "knex": "knex", "strapi": "@strapi/strapi", "ts-node": "ts-node", "tsx": "tsx", "pm2": "pm2",
    "pm2-runtime": "pm2", "babel-node": "@babel/node", "drizzle-kit": "drizzle-kit", "typeorm": "typeorm", "medusa": "@medusajs/cli", "srvx": "srvx",
}  # fmt: skip
"""Programs whose package has another name."""
BUILD = re.compile(
    r"(?:(?:npx|cross-env|\w+=\S+)\s+)*(?:(?:npm|pnpm|yarn)\s+(?:run\s+)?[\w:-]*(?:build|compile)[\w:-]*\s*$"
    r"|(?:tsc|tsup|swc|babel|webpack|rollup|esbuild|sass|lessc|stylus|postcss|tailwindcss|parcel\s+build|\w[\w-]*\s+build)\b(?!.*\s(?:--watch|-w)\b))"
)
"""A command that writes files which the application serves or runs."""
CLEAN = re.compile(r"(?:npx\s+)?(?:rimraf|del-cli|del|rm|mkdir|shx|cp|copyfiles|(?:npm|pnpm|yarn)\s+run\s+(?:clean|lint))\b")
JAVASCRIPT = re.compile(r"\.(?:js|mjs|cjs)$")


@dataclass(frozen=True, slots=True)
class Line:
    """A shell line that starts the application. `source`: the script that it comes from."""

    command: str
    source: str
    build: str = ""
    """What the script builds before it starts. An image is read-only: this runs when the image is built."""


def scripts_of(manifest: dict[str, Any]) -> dict[str, str]:
    return {name: line.strip() for name, line in table(manifest, "scripts").items() if isinstance(line, str) and line.strip()}


def called_script(scripts: dict[str, str], line: str) -> str:
    """Return the script that a line calls (`npm start`, `yarn serve`); empty if it calls none."""
    match = CALL.match(line.strip())
    name = next((group for group in match.groups() if group), "") if match else ""
    return name if name in scripts else ""


def resolve(scripts: dict[str, str], line: str, depth: int = 0) -> str:
    """Return what a line runs: `npm run x`, `yarn x` and `npm start` become the script's own line."""
    name = called_script(scripts, line)
    if not name or depth > 8 or scripts.get(f"pre{name}") or scripts.get(f"post{name}"):
        return line.strip()
    return resolve(scripts, scripts[name], depth + 1)


def split_build(scripts: dict[str, str], line: str) -> tuple[str, str]:
    """Split a start line into what builds and what serves: `npm run build && node dist/server.js`. What the script `build` does is left out.

    A line that does not begin with a build is returned whole.
    """
    parts = re.split(r"\s*&&\s*", resolve(scripts, line))
    builds = [resolve(scripts, part) for part in parts]
    building = [bool(BUILD.match(part) or BUILD.match(content)) for part, content in zip(parts, builds, strict=True)]
    last = max((index for index, is_build in enumerate(building[:-1]) if is_build), default=-1)
    is_simple = not re.search(r"[\"'`;|()]", " ".join(parts[: last + 1])) and all(building[i] or CLEAN.match(builds[i]) for i in range(last))
    if last < 0 or not is_simple:
        return "", line
    own = resolve(scripts, scripts.get("build", ""))
    kept = [part for part, content in zip(parts[: last + 1], builds[: last + 1], strict=True) if content != own]
    has_build = any(BUILD.match(part) or BUILD.match(resolve(scripts, part)) for part in kept)
    return " && ".join(kept) if has_build else "", resolve(scripts, " && ".join(parts[last + 1 :]))


def development_line(scripts: dict[str, str], line: str, depth: int = 0) -> str:
    """Return the line that runs a development server: the line itself, or a script that it calls (`concurrently "npm:server"`). "" if none does."""
    if development_server(line) or depth > 3:
        return line if development_server(line) else ""
    names = re.findall(r"(?:npm:|(?:npm|pnpm|yarn)\s+run\s+|\byarn\s+|(?:run-p|run-s|npm-run-all)\s+(?:-\S+\s+)*)([\w:.-]+)", line)
    found = (development_line(scripts, resolve(scripts, scripts[name]), depth + 1) for name in names if name in scripts)
    return next(filter(None, found), "")


def in_foreground(line: str) -> str:
    """Return a line that stays: `pm2 start` and `forever start` leave a process behind and end, and so does `&`."""
    if "--no-daemon" not in line:
        line = re.sub(r"^((?:.*[\s&])?)pm2\s+start(?=\s)", r"\1pm2-runtime start", line, flags=re.DOTALL)  # the last: the first would never end
    line = re.sub(r"(^|&&\s*|\s)forever\s+start(?=\s)", r"\1forever", line)
    return re.sub(r"(?<![&\\])&\s*$", "", line).strip()


def needs_environment(line: str) -> bool:
    """Whether a script reads variables that only a package manager sets."""
    return re.search(r"npm_(package|config|lifecycle)_", line) is not None


def production_line(tree: Tree, manifest: dict[str, Any], line: str, *, has_build: bool) -> str:
    """Return the line that runs in production what a watcher (`nodemon app.js`) runs in development, "" if that is not known."""
    watcher = development_server(line)
    if watcher.startswith("fastify "):
        return re.sub(r"\s(?:-w|--watch)(?=\s|$)", "", watcher)
    if not re.match(r"(nodemon|supervisor|node|ts-node-dev|tsnd|tsx|ts-node)\b", watcher):
        return ""
    words = [word.removeprefix("./") for word in re.sub(r"[\"']", " ", watcher).split()]
    targets = [word for word in words[1:] if SOURCE.search(word) or tree.has(f"{word}.js", f"{word}/index.js", word)]
    target = targets[-1] if targets else ""
    main = string(manifest, "main").removeprefix("./")
    runner = next((word for word in words if word in ("ts-node", "tsx", "babel-node", "@babel/node")), "")
    if not target and not runner:
        target = main or tree.first("index.js", "server.js", "app.js")
    if words[0] == "tsx" and target:
        return f"tsx {target}"
    if target and not runner and not re.search(r"\.[mc]?tsx?$", target) and (tree.has(target, f"{target}.js", f"{target}/index.js") or has_build):
        return f"node {target}"
    if has_build and main and JAVASCRIPT.search(main):
        return f"node {main}"
    return f"node {built}" if has_build and (built := compiled_path(tree, target)) else ""


def compiled_path(tree: Tree, source: str) -> str:
    """Return the file that tsc compiles a TypeScript file to, "" if tsconfig.json does not say."""
    config = re.sub(r"(?m)^\s*//.*$", "", tree.text("tsconfig.json") + tree.text("tsconfig.build.json"))
    output = re.search(r'"outDir"\s*:\s*"([^"]+)"', config)
    if not output or not re.search(r"\.[mc]?tsx?$", source):
        return ""
    declared = re.search(r'"rootDir"\s*:\s*"([^"]+)"', config)
    sources = [path for path in tree.paths if re.search(r"\.tsx?$", path) and not path.endswith(".d.ts") and not NOT_PRODUCTION.search(path)]
    folder = source.partition("/")[0]
    root = join(declared[1]) if declared else folder if "/" in source and all(path.startswith(f"{folder}/") for path in sources) else "."
    relative = source if root == "." else source.removeprefix(f"{root}/")
    return join(output[1], re.sub(r"\.([mc]?)tsx?$", r".\1js", relative))


def needs_development(tree: Tree, manifest: dict[str, Any], line: str) -> bool:
    """Whether a start line needs packages of `devDependencies`: a program, a preloaded module, or an import of the sources."""
    development = set(table(manifest, "devDependencies")) - set(table(manifest, "dependencies"))
    if not development:
        return False
    for part in re.split(r"&&|\|\||[;|&\n]", line):
        words = [
            word for word in re.sub(r"\b\w+=(\"[^\"]*\"|'[^']*'|\S*)", "", part).split() if word not in ("exec", "env", "cross-env", "npx", "--")
        ]
        program = words[0] if words else ""
        if program in ("npm", "yarn", "pnpm", "npx") or any(word in ("npx", "cross-env", "dotenv", "env-cmd") for word in part.split()):
            return True
        if program and program not in BUILTINS and not program.startswith(("/", "./")) and not _is_installed(program, manifest):
            return True
        preloaded = re.findall(r"(?:-r|--require|--import|--loader|--experimental-loader)[ =]+([@\w./-]+)", part)
        if any(_package(name) in development for name in preloaded):
            return True
    return _imports(tree, development)


def _is_installed(program: str, manifest: dict[str, Any]) -> bool:
    dependencies = table(manifest, "dependencies")
    return PROGRAMS.get(program, program) in dependencies or any(name.rpartition("/")[2] == program for name in dependencies)


def _imports(tree: Tree, packages: set[str]) -> bool:
    names = "|".join(sorted(map(re.escape, packages), key=len, reverse=True))
    statement = re.compile(rf"(?:require\(\s*|import\(\s*|\bfrom\s+|\bimport\s+)[\"'](?:{names})(?:/[^\"']*)?[\"']")
    types = re.compile(r"\b(?:import|export)\s+type\b[^;\n]*")
    sources = [path for path in tree.paths if SOURCE.search(path) and not NOT_PRODUCTION.search(path)][:MAX_SOURCES]
    return any(statement.search(types.sub("", tree.text(path))) for path in sources)


def _package(name: str) -> str:
    parts = name.split("/")
    return "/".join(parts[:2]) if name.startswith("@") else parts[0]
