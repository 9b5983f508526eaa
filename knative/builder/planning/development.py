"""Commands that run a development server: production never starts them."""

import re

NODE = """
nodemon | ts-node-dev | tsnd | supervisor | live-server | browser-sync | lite-server | webpack-dev-server | start-storybook
node ~ --watch(?:-path)? | tsx ~ watch | ts-node ~ --watch | bun ~ --(?:hot|watch) | tsc ~ (?:-w|--watch)
vite(?:\\s+(?:dev|serve|preview)\\b|(?=\\s+-)|\\s*$) | rsbuild (?:dev|preview) | farm(?:\\s+(?:dev|start))?\\s*$
next(?:\\s+dev\\b|(?=\\s+-)|\\s*$) | nuxi? (?:dev|preview) | nuxt(?:i)?(?:\\s+(?:dev|preview)\\b|\\s*$) | astro (?:dev|preview)
remix (?:dev|vite:dev) | react-router dev | svelte-kit (?:dev|preview) | solid-start dev | vinxi dev | qwik dev
react-scripts start | react-app-rewired start | craco start | ng (?:serve|s) | ng run \\S*serve\\S* | vue-cli-service serve | ember (?:serve|server|s)
webpack (?:serve|s) | webpack ~ --watch | parcel(?!\\s+build)\\b | snowpack dev | brunch watch | gulp (?:serve|watch|dev)
gatsby (?:develop|serve) | docusaurus start | vitepress (?:dev|serve|preview) | vuepress (?:dev|serve) | (?:@11ty/)?eleventy ~ --serve
fastify start ~ (?:-w|--watch)
nest start | expo start | storybook dev | turbo (?:run\\s+)?dev | nx serve | wrangler (?:\\S+\\s+)?dev | netlify dev | vercel dev
"""
OTHERS = """
(?:python[\\d.]*\\s+)?(?:\\S*/)?manage\\.py runserver | django-admin runserver | (?:python[\\d.]*\\s+-m\\s+)?flask (?:\\S+\\s+)*run | fastapi dev
uvicorn (?:.*\\s)?--reload | gunicorn (?:.*\\s)?--reload
php artisan serve | php ~ -S | symfony serve | mvnw? ~ spring-boot:run | \\./mvnw ~ spring-boot:run | (?:\\./)?gradlew? ~ bootRun
"""
"""`~`: any options. A space: white space."""
MAX_LINE = 4000
RUNNERS = r"(?:env|cross-env|dotenv|npx|pnpx|pnpm exec|yarn exec|yarn|pnpm|npm exec|bunx|poetry run|uv run|pipenv run|bundle exec|time|nohup)"
ASSIGNMENTS = r"(?:\w+=(?:\"[^\"]*\"|'[^']*'|\S*)\s+)*"
PREFIX = rf"(?:^|&&|\|\||[;|&(]|\bexec\s|\bthen\s|\bdo\s)\s*{ASSIGNMENTS}(?:{RUNNERS}\s+(?:-\S+\s+)*(?:--\s+)?{ASSIGNMENTS})*"


def _alternatives(table: str) -> str:
    words = [each.strip() for line in table.strip().splitlines() for each in line.split(" | ")]
    return "|".join(word.replace(" ~ ", r"\s+(?:\S+\s+)*").replace(" ", r"\s+") for word in words)


COMMAND = re.compile(rf"{PREFIX}((?:{_alternatives(NODE)}|{_alternatives(OTHERS)})(?=\s|$|[;&|)]).*)")


def development_server(command: str) -> str:
    """Return the development server that a shell line runs, with its arguments, "" if it runs none."""
    match = COMMAND.search(command[:MAX_LINE])
    return match[1].strip() if match else ""


def before_server(command: str) -> str:
    """Return what a line runs before its development server, such as migrations: a line that ends with `&& `. "" if nothing."""
    before, mark, last = command.rpartition("&&")
    if not mark or development_server(before) or not development_server(last) or re.search(r"[;|&()]", before.replace("&&", "")):
        return ""
    steps = [step.strip() for step in before.split("&&")]
    if all(re.match(r"cd\s", step) for step in steps):
        return ""  # the command that stands in begins in the base directory
    has_folder = any(re.match(r"cd\s", step) for step in steps)
    return f"({before.strip()}) && " if has_folder else f"{before.strip()} && "


def server_name(line: str) -> str:
    """Return a development server's name, for messages: `nodemon`, `vite`, `manage.py runserver`."""
    plain = re.sub(r"^python[\d.]*\s+(?=\S*\.py)", "", line)
    words = [word for word in plain.split()[:3] if not word.startswith("-") or "watch" in word]
    is_pair = len(words) > 1 and re.fullmatch(r"[a-z:-]+", words[1]) is not None and words[0] not in ("nodemon", "ts-node-dev", "supervisor")
    return " ".join(words[:2]) if is_pair or (words and words[0] in ("node", "python")) else words[0] if words else line
