"""Languages and tools that Capsule recognizes and does not build: they are named and never started as something else."""

from knative.builder.planning.tree import Tree, string

SUPPORTED = "Python, Node.js, Go, Ruby, PHP, Java and static sites, or a Dockerfile"
CONDA = ("environment.yml", "environment.yaml", "conda.yml")
MANIFESTS = {
    "Elixir": ("mix.exs",),
    "Rust": ("Cargo.toml",),
    "Deno": ("deno.json", "deno.jsonc", "deno.lock"),
    ".NET": ("*.csproj", "*.fsproj", "*.vbproj", "*.sln", "*.slnx"),
    "Scala": ("build.sbt", "build.sc", "build.mill"),
    "Crystal": ("shard.yml",),
    "Haskell": ("stack.yaml", "*.cabal", "cabal.project", "package.yaml"),
    "Dart": ("pubspec.yaml",),
    "Swift": ("Package.swift",),
    "Clojure": ("project.clj", "deps.edn", "bb.edn"),
    "Erlang": ("rebar.config",),
    "Gleam": ("gleam.toml",),
    "OCaml": ("dune-project", "*.opam"),
    "Zig": ("build.zig",),
    "Nim": ("*.nimble",),
    "Julia": ("Project.toml",),
    "Perl": ("cpanfile", "Makefile.PL", "Build.PL"),
    "R": ("renv.lock", "app.R", "plumber.R"),
    "D": ("dub.json", "dub.sdl"),
    "V": ("v.mod",),
    "Elm": ("elm.json",),
    "PureScript": ("spago.yaml", "spago.dhall"),
    "Ballerina": ("Ballerina.toml",),
    "Ada": ("alire.toml",),
    "Racket": ("info.rkt",),
    "Android": ("app/src/main/AndroidManifest.xml",),
    "Xcode": ("*.xcodeproj/project.pbxproj",),
    "Meteor": (".meteor/release",),
    "Hugo": ("hugo.toml", "hugo.yaml", "config/_default/hugo.toml", "archetypes/default.md", "layouts/_default/*.html"),
    "Zola": ("templates/*.html",),
    "mdBook": ("book.toml",),
    "Sphinx": ("conf.py", "docs/conf.py", "source/conf.py"),
    "Jekyll without a Gemfile": ("_config.yml",),
    "MkDocs without requirements.txt": ("mkdocs.yml",),
    "conda": CONDA,
    "C or C++": ("CMakeLists.txt", "meson.build", "configure.ac"),
    "Kotlin Multiplatform": ("settings.gradle.kts",),
}
SECONDARY = frozenset(
    {
        "Zola",
        "Hugo",
        "conda",
        "C or C++",
        "Kotlin Multiplatform",
        "Julia",
        "mdBook",
        "Sphinx",
        "Jekyll without a Gemfile",
        "MkDocs without requirements.txt",
        "Xcode",
    }
)
"""Files that also accompany languages that Capsule builds: they count only if nothing else is recognized."""
SECONDARY_FILES = ("Makefile.PL", "Build.PL")
BESIDE_A_BUILD = ("elm.json", "spago.yaml", "spago.dhall", "package.yaml", "bb.edn")
"""Files of tools that a script `build` of package.json runs, and pnpm's package.yaml: with such a script they do not count."""
SOURCES = {
    ".ex": "Elixir", ".exs": "Elixir", ".rs": "Rust", ".cs": ".NET", ".fs": ".NET", ".scala": "Scala", ".cr": "Crystal", ".hs": "Haskell",
    ".dart": "Dart", ".swift": "Swift", ".clj": "Clojure", ".erl": "Erlang", ".gleam": "Gleam", ".ml": "OCaml", ".zig": "Zig", ".nim": "Nim",
    ".jl": "Julia", ".pl": "Perl", ".psgi": "Perl", ".R": "R", ".lua": "Lua", ".c": "C", ".cpp": "C++", ".cc": "C++",
    ".kt": "Kotlin without Gradle or Maven",
    ".java": "Java without pom.xml or build.gradle", ".groovy": "Groovy", ".ipynb": "a Jupyter notebook",
    ".rkt": "Racket", ".scm": "Scheme", ".lisp": "Common Lisp", ".asd": "Common Lisp", ".purs": "PureScript", ".bal": "Ballerina", ".adb": "Ada",
    ".f90": "Fortran", ".cob": "COBOL", ".cbl": "COBOL", ".pas": "Pascal", ".hx": "Haxe", ".hxml": "Haxe", ".moon": "MoonScript", ".vala": "Vala",
    ".ps1": "PowerShell", ".tcl": "Tcl", ".pm": "Perl", ".vb": ".NET",
    ".odin": "Odin", ".roc": "Roc", ".mojo": "Mojo", ".raku": "Raku",
}  # fmt: skip
SCRIPTS = {
    ".ts": "TypeScript without package.json", ".rb": "Ruby without a Gemfile", ".tf": "Terraform", ".sh": "a collection of shell scripts",
}  # fmt: skip
"""Languages of files that lie beside applications too: they count only in a repository without one."""


def find_unsupported(tree: Tree, *, is_last_resort: bool = False) -> str:
    """Return the sentence that names the language, "" if there is none.

    `is_last_resort`: nothing else was recognized, so files that accompany other languages count too.
    """
    for language, patterns in MANIFESTS.items():
        if language in SECONDARY and not is_last_resort:
            continue
        if language == "Zola" and not tree.has("config.toml"):
            continue
        counted = [pattern for pattern in patterns if is_last_resort or pattern not in SECONDARY_FILES]
        if found := [path for path in tree.find(*counted) if path not in BESIDE_A_BUILD or not _has_build(tree)]:
            return explain(language, found[0])
    own = tree.find("*", "src/*", "lib/*", "app/*") if is_last_resort else []
    return next((explain(language, path) for path in own if (language := SOURCES.get(_suffix(path), ""))), "")


def _has_build(tree: Tree) -> bool:
    return tree.has("package.json") and bool(string(tree.json("package.json"), "scripts", "build"))


def find_unsupported_below(tree: Tree) -> str:
    """Return the sentence for a repository with no application in any folder: the language of a manifest or a source file in a folder."""
    for language, patterns in MANIFESTS.items():
        if language not in SECONDARY and (found := tree.find(*(depth + pattern for depth in ("*/", "*/*/") for pattern in patterns))):
            return explain(language, found[0])
    for languages in (SOURCES, SCRIPTS):
        if found := [path for path in tree.paths if _suffix(path) in languages]:
            return explain(languages[_suffix(found[0])], found[0])
    return ""


def _suffix(path: str) -> str:
    return f".{path.rpartition('/')[2].rpartition('.')[2]}"


def explain(language: str, file: str) -> str:
    return f"This is {language} ({file}). Capsule builds {SUPPORTED}: add one."
