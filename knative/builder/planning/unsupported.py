"""Languages and tools that Capsule recognizes and does not build: they are named and never started as something else."""

from knative.builder.planning.tree import Tree

SUPPORTED = "Python, Node.js, Go, Ruby, PHP, Java and static sites, or a Dockerfile"
CONDA = ("environment.yml", "environment.yaml", "conda.yml")
MANIFESTS = {
    "Elixir": ("mix.exs",),
    "Rust": ("Cargo.toml",),
    "Deno": ("deno.json", "deno.jsonc", "deno.lock"),
    ".NET": ("*.csproj", "*.fsproj", "*.vbproj", "*.sln", "*.slnx"),
    "Scala": ("build.sbt", "build.sc"),
    "Crystal": ("shard.yml",),
    "Haskell": ("stack.yaml", "*.cabal", "cabal.project"),
    "Dart": ("pubspec.yaml",),
    "Swift": ("Package.swift",),
    "Clojure": ("project.clj", "deps.edn"),
    "Erlang": ("rebar.config",),
    "Gleam": ("gleam.toml",),
    "OCaml": ("dune-project", "*.opam"),
    "Zig": ("build.zig",),
    "Nim": ("*.nimble",),
    "Julia": ("Project.toml",),
    "Perl": ("cpanfile",),
    "R": ("renv.lock", "app.R", "plumber.R"),
    "D": ("dub.json", "dub.sdl"),
    "V": ("v.mod",),
    "Elm": ("elm.json",),
    "Meteor": (".meteor/release",),
    "Hugo": ("hugo.toml", "hugo.yaml", "config/_default/hugo.toml", "archetypes/default.md", "layouts/_default/*.html"),
    "Zola": ("templates/*.html",),
    "conda": CONDA,
    "C or C++": ("CMakeLists.txt", "meson.build", "configure.ac"),
    "Kotlin Multiplatform": ("settings.gradle.kts",),
}
SECONDARY = frozenset({"Zola", "Hugo", "conda", "C or C++", "Kotlin Multiplatform", "Julia"})
"""Files that also accompany languages that Capsule builds: they count only if nothing else is recognized."""
SOURCES = {
    ".ex": "Elixir", ".exs": "Elixir", ".rs": "Rust", ".cs": ".NET", ".fs": ".NET", ".scala": "Scala", ".cr": "Crystal", ".hs": "Haskell",
    ".dart": "Dart", ".swift": "Swift", ".clj": "Clojure", ".erl": "Erlang", ".gleam": "Gleam", ".ml": "OCaml", ".zig": "Zig", ".nim": "Nim",
    ".jl": "Julia", ".pl": "Perl", ".psgi": "Perl", ".R": "R", ".lua": "Lua", ".c": "C", ".cpp": "C++", ".cc": "C++",
    ".kt": "Kotlin without Gradle or Maven",
    ".java": "Java without pom.xml or build.gradle", ".groovy": "Groovy", ".ipynb": "a Jupyter notebook",
}  # fmt: skip


def find_unsupported(tree: Tree, *, is_last_resort: bool = False) -> str:
    """Return the sentence that names the language, "" if there is none.

    `is_last_resort`: nothing else was recognized, so files that accompany other languages count too.
    """
    for language, patterns in MANIFESTS.items():
        if language in SECONDARY and not is_last_resort:
            continue
        if language == "Zola" and not tree.has("config.toml"):
            continue
        if found := tree.find(*patterns):
            return explain(language, found[0])
    if is_last_resort:
        for path in tree.find("*", "src/*", "lib/*", "app/*"):
            suffix = f".{path.rpartition('.')[2]}"
            if language := SOURCES.get(suffix, ""):
                return explain(language, path)
    return ""


def explain(language: str, file: str) -> str:
    return f"This is {language} ({file}). Capsule builds {SUPPORTED}: add one."
