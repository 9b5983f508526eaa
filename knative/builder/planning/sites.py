"""Find the folder of a static site after its build."""

from fnmatch import fnmatchcase

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning.tree import Tree

OUTPUT_FOLDERS = ("dist", "build", "out", "_site", "public", "www", "dist/*/browser", "dist/*", ".output/public", "site")
"""Where build scripts of static sites write their result."""
PAGES = ("index.html", "200.html")
"""Either makes a folder a site. 200.html is the page of an application of one page (surge.sh's name, and SvelteKit's)."""
SEPARATOR = ":"
"""Between the alternatives of `Plan.site`."""


def any_of(*folders: str) -> str:
    """Return `Plan.site` for a site that lies in the first of the folders that has an index.html."""
    return SEPARATOR.join(dict.fromkeys(folders))


def locate_site(tree: Tree, site: str) -> str:
    """Return the folder to serve, relative to `tree`, a view of the base directory after the build.

    `site`: folders or patterns, separated by `:`; the first that holds an index.html or a 200.html. Raises BuildFailure(not-recognized) if none does.
    """
    pages = [path for name in PAGES for path in tree.paths if path == name or path.endswith(f"/{name}")]
    for pattern in site.split(SEPARATOR):
        for page in pages:
            folder = page.rpartition("/")[0] or "."
            if folder.count("/") == pattern.count("/") and fnmatchcase(folder, pattern):
                return folder
    expected = ", ".join(site.split(SEPARATOR))
    detail = f"The build created no index.html in {expected}. If this is not a static site, add a script `start` or a Procfile with a line `web: …`."
    raise BuildFailure(NOT_RECOGNIZED, detail)
