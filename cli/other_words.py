"""Words of Heroku, Fly.io and similar tools, and the command of Capsule that does the same."""

import re
from collections.abc import Mapping, Sequence

WORDS: Mapping[str, str] = {
    # applications
    "create": "capsule apps create",
    "new": "capsule apps create",
    "init": "capsule apps create",
    "launch": "capsule apps create --link, then capsule deploy",
    "apps:create": "capsule apps create",
    "apps:destroy": "capsule apps delete",
    "apps:info": "capsule apps show",
    "apps:rename": "capsule apps rename",
    "apps info": "capsule apps show",
    "apps destroy": "capsule apps delete",
    "apps open": "capsule open",
    "apps restart": "capsule restart",
    "apps rm": "capsule apps delete",
    "apps remove": "capsule apps delete",
    "apps new": "capsule apps create",
    "apps edit": "capsule apps update",
    "delete": "capsule apps delete",
    "destroy": "capsule apps delete",
    "rm": "capsule apps delete",
    "info": "capsule apps show",
    "show": "capsule apps show",
    "ls": "capsule apps list",
    "list": "capsule apps list",
    "rename": "capsule apps rename",
    "update": "capsule apps update",
    "buildpacks": "capsule apps update --builder BUILDER",
    "buildpacks:set": "capsule apps update --builder BUILDER",
    "buildpacks:add": "capsule apps update --builder BUILDER",
    "stack:set": "capsule apps update --builder BUILDER",
    "git:remote": "capsule link NAME",
    "git:clone": "capsule link NAME",
    "container:push": "capsule apps update --builder dockerfile, then capsule deploy",
    "container:release": "capsule deploy",
    "image": "capsule apps show",
    "service": "capsule apps show",
    "use": "capsule link NAME",
    # variables and secrets
    "config": "capsule env list",
    "config:get": "capsule env list",
    "config:set": "capsule env set NAME=VALUE",
    "config:unset": "capsule env unset NAME",
    "config:edit": "capsule env set --file FILE",
    "config get": "capsule env list",
    "config list": "capsule env list",
    "config set": "capsule env set NAME=VALUE",
    "config unset": "capsule env unset NAME",
    "config show": "capsule apps show",
    "variables": "capsule env list",
    "variables set": "capsule env set NAME=VALUE",
    "vars": "capsule env list",
    "secrets": "capsule env list",
    "secrets list": "capsule env list",
    "secrets set": "capsule env set --secret NAME=VALUE",
    "secrets:set": "capsule env set --secret NAME=VALUE",
    "secrets import": "capsule env set --secret --file FILE",
    "secrets unset": "capsule env unset NAME",
    "env add": "capsule env set NAME=VALUE",
    "env rm": "capsule env unset NAME",
    "env remove": "capsule env unset NAME",
    "env import": "capsule env set --file FILE",
    "env get": "capsule env list",
    "env ls": "capsule env list",
    # what runs
    "up": "capsule deploy",
    "push": "capsule deploy",
    "redeploy": "capsule deploy",
    "build": "capsule deploy",
    "builds:create": "capsule deploy",
    "builds": "capsule status",
    "ps:restart": "capsule restart",
    "ps:stop": "capsule stop",
    "ps:start": "capsule start",
    "ps:kill": "capsule restart",
    "ps:exec": "capsule run COMMAND",
    "ps:scale": "capsule scale --max N",
    "ps:resize": "capsule scale --memory MIB",
    "ps:type": "capsule scale --memory MIB",
    "dyno:restart": "capsule restart",
    "dyno:scale": "capsule scale --max N",
    "restart:all": "capsule restart",
    "ps:wait": "capsule status",
    "suspend": "capsule stop",
    "resume": "capsule start",
    "pause": "capsule stop",
    "down": "capsule stop",
    "maintenance:on": "capsule maintenance on",
    **dict.fromkeys(("addons", "addon", "resources", "postgres:list", "pg:list"), "capsule services list"),
    **dict.fromkeys(
        ("pg", "postgres", "mpg", "database", "databases", "db", "addons:create", "postgres:create"), "capsule services create postgres NAME"
    ),
    **dict.fromkeys(("redis", "valkey", "redis create", "redis:create"), "capsule services create redis NAME"),
    **dict.fromkeys(("postgres:link", "pg:attach", "addons:attach", "postgres:promote"), "capsule services bind NAME ENVIRONMENT"),
    "postgres:unlink": "capsule services unbind NAME ENVIRONMENT",
    "addons:detach": "capsule services unbind NAME ENVIRONMENT",
    "pg:credentials:rotate": "capsule services rotate NAME",
    **dict.fromkeys(("addons:upgrade", "addons:downgrade", "pg:upgrade", "redis:upgrade"), "capsule services scale NAME --plan PLAN"),
    "addons:destroy": "capsule services delete NAME",
    **dict.fromkeys(("psql", "pg:psql", "redis:cli", "redis-cli", "mpg connect", "postgres connect", "redis connect"), "capsule services shell NAME"),
    **dict.fromkeys(("proxy", "mpg proxy", "redis proxy", "port-forward", "postgres:expose"), "capsule services tunnel NAME"),
    **dict.fromkeys(("volume", "storage", "disks", "storage:list", "volume list"), "capsule volumes list"),
    **dict.fromkeys(("volume create", "storage:ensure-directory", "storage create"), "capsule volumes create NAME"),
    **dict.fromkeys(("volumes mount", "volume attach", "storage:mount", "disks attach"), "capsule volumes attach NAME ENVIRONMENT --at PATH"),
    **dict.fromkeys(("volumes extend", "volume extend", "volume update"), "capsule volumes resize NAME --size SIZE"),
    **dict.fromkeys(("storage:mount", "volume attach"), "capsule volumes attach NAME ENVIRONMENT --at PATH"),
    **dict.fromkeys(("storage:unmount", "volume detach"), "capsule volumes detach NAME"),
    **dict.fromkeys(("volumes destroy", "volume delete"), "capsule volumes delete NAME"),
    "maintenance:off": "capsule maintenance off",
    "machine": "capsule ps",
    "machines": "capsule ps",
    "machine list": "capsule ps",
    "machine restart": "capsule restart",
    "machine stop": "capsule stop",
    "machine start": "capsule start",
    "instances": "capsule ps",
    "processes": "capsule ps",
    "top": "capsule ps",
    "run:detached": "capsule run --detach COMMAND",
    "exec": "capsule run COMMAND",
    "enter": "capsule run COMMAND",
    "console": "capsule run COMMAND",
    "shell": "capsule run COMMAND",
    "ssh": "capsule run COMMAND",
    "ssh console": "capsule run COMMAND",
    "releases:rollback": "capsule rollback",
    "releases:info": "capsule releases rN",
    "releases:output": "capsule logs --build",
    "release": "capsule releases",
    "rollback:list": "capsule releases",
    "pipelines:promote": "capsule promote",
    "pipelines": "capsule environments list",
    "environment": "capsule environments",
    "scale show": "capsule scale",
    "scale count": "capsule scale --max N",
    "scale memory": "capsule scale --memory MIB",
    "scale vm": "capsule scale --cpu MILLIS --memory MIB",
    "certs": "capsule domains list",
    "certs:add": "capsule domains certificate DOMAIN --cert FILE --key FILE",
    "domain": "capsule domains list",
    "domains:add": "capsule domains add DOMAIN",
    "domains:remove": "capsule domains remove DOMAIN",
    "domains:wait": "capsule domains check DOMAIN",
    "jobs": "capsule cron list",
    "scheduler": "capsule cron list",
    "scheduler:add": "capsule cron add",
    "autoscale:enable": "capsule autoscale PROCESS --max N --metric cpu=70",
    # observe, account
    "log": "capsule logs",
    "tail": "capsule logs --follow",
    "logs:tail": "capsule logs --follow",
    "browse": "capsule open",
    "events": "capsule timeline",
    "checks": "capsule apps update --health-path PATH",
    "checks list": "capsule apps show",
    "history": "capsule releases",
    "monitor": "capsule metrics",
    "dashboard": "capsule status",
    "auth:login": "capsule login",
    "auth:logout": "capsule logout",
    "auth:whoami": "capsule whoami",
    "auth login": "capsule login",
    "auth logout": "capsule logout",
    "auth whoami": "capsule whoami",
    "auth signup": "capsule register",
    "auth": "capsule login",
    "signup": "capsule register",
    "signin": "capsule login",
    "billing": "capsule bill",
    "keys": "capsule key show",
    "keys:add": "capsule key show",
    "access": "capsule teams members TEAM",
    "access:add": "capsule teams invite TEAM ADDRESS",
    "members": "capsule teams members TEAM",
    "orgs": "capsule teams list",
    "org": "capsule teams list",
}
"""Word or words, as typed → what to type instead."""

DATABASE = "Capsule creates PostgreSQL and Redis. Add a server elsewhere by its URL: `capsule services add NAME`."
NOT_OFFERED: Mapping[str, str] = {
    **dict.fromkeys(("mysql", "mongo", "ext", "extensions"), DATABASE),
    **dict.fromkeys(("ips", "dns"), "Capsule has no addresses of its own for an application: `capsule domains add DOMAIN` prints the DNS records."),
    **dict.fromkeys(("regions", "spaces"), "Capsule has no regions: applications run on your own servers."),
    **dict.fromkeys(("drains", "log-drains"), "Capsule has no log drains: `capsule logs --follow --json` streams the lines."),
    **dict.fromkeys(("local", "local:start"), "Capsule does not run applications on your computer: `capsule deploy` runs them on the server."),
    **dict.fromkeys(("proxy", "wireguard", "sftp"), "Capsule opens no tunnels: `capsule run COMMAND` runs a command beside the application."),
    **dict.fromkeys(("labs", "features"), "Capsule has no features to enable for one application."),
    **dict.fromkeys(("plugins", "plugin"), "Capsule has no plugins. All commands: `capsule --help`."),
}
"""First word, before a colon → why there is no such command, and what to do."""

OPTIONS: Mapping[tuple[str, str], str] = {
    ("logs", "--tail"): "capsule logs --follow",
    ("logs", "-t"): "capsule logs --follow",
    ("logs", "--num"): "capsule logs --lines N",
    ("logs", "--since"): "capsule logs --lines N",
    ("logs", "--dyno"): "capsule logs --run",
    ("logs", "--instance"): "capsule logs --run",
    ("deploy", "--image"): "capsule apps update --image REFERENCE, then capsule deploy",
    ("deploy", "--branch"): "capsule deploy --ref BRANCH",
    ("deploy", "--tag"): "capsule deploy --ref TAG",
    ("deploy", "--prod"): "capsule deploy --env production",
    ("deploy", "--environment"): "capsule deploy --env NAME",
    ("deploy", "--build-arg"): "capsule env set NAME=VALUE",
    ("deploy", "--remote-only"): "capsule deploy",
    ("deploy", "--local-only"): "capsule deploy",
    ("deploy", "--now"): "capsule deploy",
    ("deploy", "--strategy"): "capsule deploy",
    ("deploy", "--app-dir"): "capsule apps update --directory FOLDER",
    ("deploy", "--dockerfile"): "capsule apps update --builder dockerfile",
    ("run", "--no-tty"): "capsule run --no-terminal COMMAND",
    ("run", "--size"): "capsule scale --memory MIB",
}
"""(command, option) → what to type instead."""

OPTIONS_OF_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("ps", "restart", "stop", "start", "disk", "logs", "metrics", "open"), "--app"),
    "deploy": "--ref",
    "rollback": "--release",
    "promote": "--to",
}
"""Command → the option that takes the word which other tools take without one: `heroku rollback v12`, `git push heroku main`."""

QUANTITY = re.compile(r"([a-z][a-z0-9_-]*)=(\d+)(:\S+)?")


def translate(words: Sequence[str]) -> str | None:
    """Return one sentence about words that are no command of Capsule; None if nothing is known about them.

    `words`: what was typed after `capsule`.
    """
    if not words:
        return None
    for typed in (" ".join(words[:2]), words[0]):
        if typed.startswith("ps:scale") and len(words) > 1 and (match := QUANTITY.fullmatch(words[1])):
            return _scale(f"ps:scale {words[1]}", match)
        if typed in WORDS:
            return f"`capsule {typed}` is `{WORDS[typed]}` here."
    return NOT_OFFERED.get(words[0].partition(":")[0])


def translate_argument(command: str, argument: str) -> str | None:
    """Return one sentence about an argument that a command of Capsule does not have; None if nothing is known about it."""
    option = argument.partition("=")[0]
    if (command, option) in OPTIONS:
        return f"`capsule {command} {option}` is `{OPTIONS[command, option]}` here."
    if command == "scale" and (match := QUANTITY.fullmatch(argument)) and match[1] == "web":
        return _scale(f"scale {argument}", match)
    if command in ("scale", "apps", "env", "environments", "alerts", "invoices") and f"{command} {argument}" in WORDS:
        return f"`capsule {command} {argument}` is `{WORDS[f'{command} {argument}']}` here."
    return None


def translate_extra_word(command: str, word: str) -> str | None:
    """Return one sentence about a word that a command does not take; None if nothing is known about it."""
    if (option := OPTIONS_OF_WORDS.get(command)) is None or word.startswith("-"):
        return None
    value = re.sub(r"^v(?=\d+$)", "r", word) if option == "--release" else word
    return f"`capsule {command} {word}` is `capsule {command} {option} {value}` here."


def _scale(typed: str, match: re.Match[str]) -> str:
    process, count = match[1], int(match[2])
    if process != "web":
        return f"`capsule {typed}` is `capsule scale {process}={count}` here."
    if count == 0:
        return f"`capsule {typed}` is `capsule stop` here."
    return f"`capsule {typed}` is `capsule scale --max {count}` here (`--min {count}` keeps them running without requests)."
