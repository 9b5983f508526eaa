"""Plan static sites without a package.json."""

import json
import re

import yaml

from knative.builder.planning.declarations import Declarations
from knative.builder.planning.plan import Plan, Step
from knative.builder.planning.sites import OUTPUT_FOLDERS, any_of
from knative.builder.planning.tree import Tree

FOLDERS = (".", "public", "dist", "build", "_site", "www")


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Order: Staticfile, static.json, the folder with an index.html."""
    folder, is_single_page, source = _declared(tree)
    if folder is None:
        folder = next((each for each in FOLDERS if tree.has("index.html" if each == "." else f"{each}/index.html")), None)
        source = "index.html" if folder == "." else f"{folder}/index.html"
        if folder not in (None, ".") and [
            path for path in tree.find("*/index.html", "*/package.json", "*/requirements.txt") if not path.startswith(f"{folder}/")
        ]:
            folder = None  # one of several sites or applications
    if declared.build and (folder or tree.names):
        step = Step("Running the build command", ("sh", "-c", declared.build), directory=tree.directory)
        return Plan("static", "build command", steps=(step,), site=any_of(*([folder] if folder and source[:1] == "S" else []), *OUTPUT_FOLDERS, "."))
    if folder is None:
        return None
    return Plan("static", source, site=folder, is_single_page=is_single_page)


def _declared(tree: Tree) -> tuple[str | None, bool, str]:
    """(folder, whether unknown paths get index.html, file) of Railpack's and Cloud Foundry's Staticfile and of Heroku's static.json."""
    if tree.has("Staticfile"):
        try:
            content = yaml.safe_load(tree.text("Staticfile"))
        except yaml.YAMLError:
            content = None
        settings = content if isinstance(content, dict) else {}
        is_single_page = settings.get("index_fallback") is True or settings.get("pushstate") in (True, "enabled")
        return _folder(settings.get("root")), is_single_page, "Staticfile"
    if tree.has("static.json"):
        try:
            settings = json.loads(tree.text("static.json"))
        except ValueError:
            settings = {}
        routes = settings.get("routes") if isinstance(settings, dict) else None
        is_single_page = isinstance(routes, dict) and routes.get("/**") == "index.html"
        return _folder(settings.get("root") if isinstance(settings, dict) else None) or "public_html", is_single_page, "static.json"
    return None, False, ""


def _folder(value: object) -> str:
    return re.sub(r"^\./|/$", "", value) or "." if isinstance(value, str) and value else "."
