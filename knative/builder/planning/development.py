"""Commands that run a development server: production never starts them."""

import re

PATTERNS = (
    r"nodemon", r"ts-node-dev", r"tsnd", r"node\s+(?:\S+\s+)*--watch(?:-path)?\b", r"tsx\s+(?:\S+\s+)*watch\b", r"ts-node\s+(?:\S+\s+)*--watch\b", r"bun\s+(?:\S+\s+)*--(?:hot|watch)\b",
    r"vite(?:\s+(?:dev|serve|preview)\b|\s+-|\s*$)", r"next(?:\s+dev\b|\s+-|\s*$)", r"nuxt(?:i)?(?:\s+(?:dev|preview)\b|\s*$)", r"nuxi\s+(?:dev|preview)\b",
    r"astro\s+(?:dev|preview)\b", r"remix(?:\s+dev|\s+vite:dev)\b", r"react-router\s+dev\b", r"svelte-kit\s+(?:dev|preview)\b", r"react-scripts\s+start\b",
    r"react-app-rewired\s+start\b", r"craco\s+start\b", r"ng\s+(?:serve|s)\b", r"ng\s+run\s+\S*serve\S*", r"vue-cli-service\s+serve\b", r"webpack\s+(?:serve|s)\b", r"webpack\s+(?:\S+\s+)*--watch\b",
    r"webpack-dev-server", r"parcel(?!\s+build)\b", r"gatsby\s+(?:develop|serve)\b", r"nest\s+start\s+(?:\S+\s+)*(?:--watch|-w|--debug)\b", r"nest\s+start\b",
    r"snowpack\s+dev\b", r"wrangler\s+(?:\S+\s+)?dev\b", r"expo\s+start\b", r"docusaurus\s+start\b", r"vitepress\s+(?:dev|serve|preview)\b", r"vuepress\s+(?:dev|serve)\b",
    r"(?:@11ty/)?eleventy\s+(?:\S+\s+)*--serve\b", r"live-server", r"browser-sync", r"lite-server", r"storybook\s+dev", r"start-storybook", r"turbo\s+(?:run\s+)?dev\b", r"nx\s+serve\b",
    r"netlify\s+dev", r"vercel\s+dev", r"supervisor", r"ember\s+(?:serve|s|server)\b", r"gulp\s+(?:serve|watch|dev)\b", r"rsbuild\s+(?:dev|preview)\b", r"farm\s+(?:dev|start)?\s*$", r"solid-start\s+dev", r"vinxi\s+dev",
    r"tsc\s+(?:\S+\s+)*(?:-w|--watch)\b", r"brunch\s+watch", r"qwik\s+dev",
)  # fmt: skip
PYTHON = (
    r"(?:python[\d.]*\s+)?(?:\S*/)?manage\.py\s+runserver\b", r"django-admin\s+runserver\b", r"(?:python[\d.]*\s+-m\s+)?flask\s+(?:\S+\s+)*run\b", r"fastapi\s+dev\b",
    r"uvicorn\s+(?:.*\s)?--reload\b", r"gunicorn\s+(?:.*\s)?--reload\b",
)  # fmt: skip
OTHERS = (
    r"php\s+artisan\s+serve\b",
    r"mvn\S*\s+(?:\S+\s+)*spring-boot:run\b",
    r"\S*gradlew?\s+(?:\S+\s+)*bootRun\b",
    r"air\s*$",
    r"go\s+run\b",
    r"rerun\b",
    r"symfony\s+serve",
)
PREFIX = r"(?:^|&&|\|\||[;|&(]|\bexec\s|\bthen\s|\bdo\s)\s*(?:(?:env|cross-env|dotenv|npx|pnpx|pnpm exec|yarn exec|yarn|pnpm|npm exec|bunx|poetry run|uv run|pipenv run|bundle exec|time|nohup)\s+(?:-\S+\s+)*(?:--\s+)?)*(?:\w+=(?:\"[^\"]*\"|'[^']*'|\S*)\s+)*(?:(?:env|cross-env|npx)\s+(?:\w+=\S*\s+)*)?"
COMMAND = re.compile(f"{PREFIX}((?:{'|'.join((*PATTERNS, *PYTHON, *OTHERS[:4]))})(?=\\s|$|[;&|)]).*)")


def development_server(command: str) -> str:
    """Return the development server that a shell line runs, with its arguments, "" if it runs none."""
    match = COMMAND.search(command)
    return match[1].strip() if match else ""


def server_name(line: str) -> str:
    """Return a development server's name, for messages: `nodemon`, `vite`, `manage.py runserver`."""
    words = [word for word in line.split()[:3] if not word.startswith("-") or "watch" in word]
    is_pair = len(words) > 1 and re.fullmatch(r"[a-z:-]+", words[1]) is not None and words[0] not in ("nodemon", "ts-node-dev", "supervisor")
    return " ".join(words[:2]) if is_pair or (words and words[0] in ("node", "python")) else words[0] if words else line
