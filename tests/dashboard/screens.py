"""Screenshots of every page: wide and 360 px, light and dark, as WebP in docs/screens. In front of a Capsule in memory.

./taskw screens                     all pages
./taskw screens --only overview     pages whose name contains a text
./taskw screens --out /tmp/screens  another folder
"""

import argparse
import asyncio
import io
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, async_playwright

from knative.machine import packages
from tests.dashboard.furnished_site import OF_VISITORS, FurnishedSite, sign_in

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
WINDOWS = (("wide", 1200), ("narrow", 360))
THEMES = ("light", "dark")
MAX_HEIGHT = 1200
QUALITY = 45


async def take_all(folder: Path, only: str) -> int:
    """Returns the bytes written."""
    site = FurnishedSite()
    await site.start()
    packages.install([packages.CHROMIUM], print)
    written = 0
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=str(packages.CHROMIUM.find()), args=["--no-sandbox"])
        pages = {name: path for name, path in (await site.pages()).items() if only in name}
        for label, width in WINDOWS:
            for theme in THEMES:
                written += await _take(chromium, site, pages, folder, label, width, theme)
        await chromium.close()
    await site.stop()
    if site.complaints:
        raise SystemExit("\n".join(["The pages reported errors, or violations of their Content-Security-Policy:", *site.complaints]))
    return written


async def _take(chromium: Chromium, site: FurnishedSite, pages: dict[str, str], folder: Path, label: str, width: int, theme: str) -> int:
    context = await chromium.new_context(
        base_url=site.url, viewport={"width": width, "height": 800}, color_scheme=theme, reduced_motion="reduce"  # type: ignore[arg-type]
    )  # fmt: skip
    page = await context.new_page()
    site.listen(page)
    written = 0
    for name, path in pages.items():
        if path not in OF_VISITORS and not await context.cookies():
            await sign_in(page)
        await page.goto(path)
        written += _write(await _picture(page, width), folder / f"{name}-{label}-{theme}.webp")
    await context.close()
    return written


async def _picture(page: Page, width: int) -> bytes:
    height = await page.evaluate("document.documentElement.scrollHeight")
    return await page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(height, MAX_HEIGHT)})


def _write(png: bytes, path: Path) -> int:
    Image.open(io.BytesIO(png)).convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
    return path.stat().st_size


def index(folder: Path) -> str:
    """docs/screens/README.md: every page with its four pictures."""
    names = sorted({re.sub(r"-(wide|narrow)-(light|dark)$", "", path.stem) for path in folder.glob("*.webp")})
    rows = [
        f"| {name} | " + " | ".join(f"[{label} {theme}]({name}-{label}-{theme}.webp)" for label, _ in WINDOWS for theme in THEMES) + " |"
        for name in names
    ]
    head = "# Screenshots of the dashboard\n\nWritten by `./taskw screens`, from data in memory.\n\n"
    return head + "| Page | Wide, light | Wide, dark | 360 px, light | 360 px, dark |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="./taskw screens", description="Write a screenshot of every page of the dashboard.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder (default: docs/screens)")
    parser.add_argument("--only", default="", metavar="TEXT", help="pages whose name contains this text")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    written = asyncio.run(take_all(options.out, options.only))
    (options.out / "README.md").write_text(index(options.out))
    print(f"{written / 1e6:.1f} MB in {options.out}")


if __name__ == "__main__":
    main()
