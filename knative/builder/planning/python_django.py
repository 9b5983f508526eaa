"""Find a Django project: its settings, its WSGI or ASGI application, and whether static files are collected."""

import re
from dataclasses import dataclass

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning.plan import Step
from knative.builder.planning.python_modules import ASGI, WSGI, Application, import_root
from knative.builder.planning.python_packages import Packages
from knative.builder.planning.tree import Tree, join

SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*\]?\s*[,=]\s*(?:os\.environ\.get\([^,]*,\s*)?[\"']([A-Za-z0-9_.]+)[\"']")
STATIC_ROOT = re.compile(r"(?m)^\s*(?:\w+\s*,\s*)*STATIC_ROOT\s*(?:,\s*\w+\s*)*(?::[^=]+)?=(?!\s*(?:None|[\"']{2})\s*$)")
MISSING_SETTINGS = r"ImproperlyConfigured|UndefinedValueError|\bEnv(?:Validation)?Error\b|^KeyError: '[A-Z][A-Z0-9_]*'$"
"""Exceptions of settings that need a variable or another setting: Django's and django-environ's, python-decouple's, environs', `os.environ`'s.

The application says the same when it starts, if it needs the setting to serve.
"""
COLLECT = 'if [ "${DISABLE_COLLECTSTATIC:-0}" = 0 ]; then python manage.py collectstatic --noinput; fi'


@dataclass(frozen=True, slots=True)
class Django:
    """`folder`: on the module search path, relative to the tree."""

    folder: str
    application: Application | None
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()


def find_django(tree: Tree, packages: Packages) -> Django | None:
    """Return the project, None if there is none. Raises BuildFailure(not-recognized) if there are several."""
    projects = [path for path in tree.find("manage.py", "*/manage.py", "*/*/manage.py") if "DJANGO_SETTINGS_MODULE" in tree.text(path)]
    depth = min((path.count("/") for path in projects), default=0)
    nearest = [path for path in projects if path.count("/") == depth]
    if len(nearest) > 1:
        folders = ", ".join(path.rpartition("/")[0] for path in nearest)
        raise BuildFailure(NOT_RECOGNIZED, f"The repository has several Django projects. Set the base directory to one of: {folders}.")
    if not nearest:
        return _without_manage(tree)
    folder = nearest[0].rpartition("/")[0]
    settings = SETTINGS.search(tree.text(nearest[0]))
    module = settings[1] if settings else ""
    application = _application(tree, folder, module, packages)
    steps, notices = _static_files(tree, folder, packages)
    if application is not None and not re.search(r"\bmigrate\b", tree.text("Procfile")):
        notices = (*notices, "database migrations do not run by themselves; set the release command `python manage.py migrate` to run them")
    return Django(folder, application, steps, notices)


def _without_manage(tree: Tree) -> Django | None:
    for path in tree.find("wsgi.py", "*/wsgi.py", "*/*/wsgi.py"):
        if "get_wsgi_application" in tree.text(path) and "django" in tree.text(path):
            folder = import_root(tree, path)[0]
            return Django(folder, Application(path, _variable(tree.text(path)), WSGI))
    return None


def _application(tree: Tree, folder: str, settings: str, packages: Packages) -> Application | None:
    """Return the ASGI application if the project is served so, else the WSGI application, that of the settings' package first."""
    below = f"{folder}/" if folder else ""
    parts = settings.split(".")[:-1]
    packaged = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    found = {}
    for interface in (WSGI, ASGI):
        name = f"{interface}.py"
        places = [f"{below}{package}/{name}" for package in packaged] + [f"{below}{name}"]
        others = [path for path in tree.find(f"{below}*/{name}", f"{below}*/*/{name}") if f"get_{interface}_application" in tree.text(path)]
        if path := tree.first(*places, *others):
            found[interface] = Application(path, _variable(tree.text(path)), interface)
    is_asynchronous = packages.has("channels", "daphne") or ("uvicorn" in packages.direct and "gunicorn" not in packages.direct)
    if ASGI in found and (is_asynchronous or WSGI not in found):
        return found[ASGI]
    return found.get(WSGI)


def _variable(text: str) -> str:
    return "application" if re.search(r"(?m)^application\b", text) or not re.search(r"(?m)^app\s*=", text) else "app"


def _static_files(tree: Tree, folder: str, packages: Packages) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the step that collects static files, where a file of settings says where to.

    Which of the files and branches count is known only when Django reads them: without a STATIC_ROOT the step is a notice.
    """
    below = f"{folder}/" if folder else ""
    settings = tree.find(f"{below}**/settings.py", f"{below}**/settings/*.py", f"{below}**/*settings*.py")
    if not any(STATIC_ROOT.search(tree.text(path)) for path in settings):
        return (), ()
    title = "Collecting static files (DISABLE_COLLECTSTATIC=1 skips this)"
    step = Step(title, ("sh", "-c", COLLECT), directory=join(tree.directory, folder or "."), tolerated=MISSING_SETTINGS)
    is_served = packages.has("whitenoise", "django-storages", "dj-static") or any("whitenoise" in tree.text(path).lower() for path in settings)
    return (step,), () if is_served else ("Django serves static files only with DEBUG or a package such as whitenoise, which is not installed",)
