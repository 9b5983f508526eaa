"""Read Heroku's and Dokku's app.json (devcenter.heroku.com/articles/app-json-schema): every key is used or named in a notice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knative.builder.failure import BuildFailure
from knative.builder.planning.tree import Tree, string, table

APP_JSON = "app.json"
LANGUAGES = ("python", "nodejs", "go", "ruby", "php", "java", "gradle", "static")
DESCRIPTIONS = frozenset({"name", "description", "keywords", "website", "repository", "logo", "success_url", "$schema"})
"""Keys that describe the application to people."""
HINTS = {
    "addons": "create the services and set their addresses with `capsule env set`",
    "formation": "set instances and memory with `capsule scale`",
    "cron": "scheduled commands do not run",
    "stack": "the stack is chosen by the setting `builder`",
    "environments": "the application's own environments count",
}


@dataclass(frozen=True, slots=True)
class AppJson:
    release: str = ""
    health: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    buildpacks: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def read_app_json(tree: Tree) -> AppJson:
    """Return what a deployment can use. A file that is not valid JSON is named, not refused: other tools use this name too."""
    try:
        content = tree.json(APP_JSON)
    except BuildFailure as error:
        return AppJson(notices=(f"{APP_JSON} is not used: {error.detail}",))
    if not content or "expo" in content:
        return AppJson()
    variables, notices = _variables(content.get("env"))
    release, unused_scripts = _scripts(table(content, "scripts"))
    health = _health(content)
    buildpacks = tuple(language for entry in _list(content, "buildpacks") if (language := _language(entry)))
    unused = []
    for key, value in content.items():
        if key in DESCRIPTIONS or key in ("env", "scripts") or value in ({}, [], "", None):
            continue
        if key == "buildpacks":
            unused += [f"buildpack {_url(entry)}" for entry in _list(content, key) if not _language(entry)]
        elif not (key == "healthchecks" and health):
            unused.append(f"{key} ({_summary(key, value)})" if _summary(key, value) else key)
    unused += [f"scripts.{name}" for name in unused_scripts]
    if unused:
        notices.append(f"{APP_JSON}: not used: {', '.join(unused)}")
    return AppJson(release, health, variables, buildpacks, tuple(notices))


def _variables(content: Any) -> tuple[dict[str, str], list[str]]:
    """Return defaults, and notices of variables that have none."""
    defaults, required, generated = {}, [], []
    for name, entry in content.items() if isinstance(content, dict) else ():
        details = entry if isinstance(entry, dict) else {"value": entry}
        value = details.get("value")
        if name == "BUILDPACK_URL":
            continue  # of Heroku itself
        if isinstance(value, bool):
            defaults[name] = str(value).lower()
        elif isinstance(value, str | int | float):
            defaults[name] = str(value)
        elif details.get("generator"):
            generated.append(name)
        elif details.get("required", True):
            required.append(name)
    notices = []
    if defaults:
        notices.append(f"{APP_JSON}: defaults of variables used where the environment sets no value: {', '.join(defaults)}")
    if generated:
        notices.append(f"{APP_JSON}: no secret is generated for {', '.join(generated)}; set it with `capsule env set --secret`")
    if required:
        notices.append(f"{APP_JSON} requires {', '.join(required)}; set it with `capsule env set`")
    return defaults, notices


def _scripts(scripts: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the release command (Dokku's `predeploy`) and the names of scripts that do not run."""
    dokku = table(scripts, "dokku")
    release = string(scripts, "dokku", "predeploy") or string(scripts, "predeploy") or string(scripts, "release")
    used = {"predeploy", "release"} if release else set()
    unused = [name for name, line in scripts.items() if isinstance(line, str) and line.strip() and name not in used]
    return release, unused + [f"dokku.{name}" for name in dokku if name != "predeploy"]


def _health(content: dict[str, Any]) -> str:
    """Return the path of Dokku's first HTTP health check of the web process."""
    checks = table(content, "healthchecks").get("web")
    paths = [check.get("path") for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []
    return next((path for path in paths if isinstance(path, str) and path.startswith("/")), "")


def _list(content: dict[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    return value if isinstance(value, list) else []


def _url(entry: Any) -> str:
    return string(entry, "url") if isinstance(entry, dict) else str(entry)


def _language(entry: Any) -> str:
    name = _url(entry).lower().removesuffix(".git").rstrip("/").rpartition("/")[2].removeprefix("heroku-buildpack-")
    return {"nodejs": "node", "gradle": "java", "nginx": ""}.get(name, name) if name in LANGUAGES else ""


def _summary(key: str, value: Any) -> str:
    """Return what a key says, and what to do instead."""
    entries = value if isinstance(value, list) else [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []
    names = [str(next(iter(entry.values()), "")) if isinstance(entry, dict) else str(entry) for entry in entries]
    return ": ".join(part for part in (", ".join(names[:5]), HINTS.get(key, "")) if part)
