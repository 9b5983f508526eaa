"""buildah's output as a sentence for the user (pure)."""

import re
from collections.abc import Sequence

from knative.builder.failure import BUILD_FAILED, IMAGE_UNAVAILABLE, TOO_LARGE, BuildFailure

STEP = re.compile(r"^(?:\[\d+/\d+\] )?STEP \d+/\d+: (.*)$")
FAILED_STEP = re.compile(r'building at STEP "(.*?)": (.*)', re.DOTALL)
EXIT = re.compile(r"exit status (\d+)")
SOURCE = re.compile(r"(?:initializing source|reading manifest \S+ in|pinging container registry) (?:docker://)?(\S+?):? ")
PREFIX = re.compile(r"^(?:Error|error|ERRO\[\d+\]|WARN\[\d+\]): ?")
NOISE = re.compile(
    r"^(?:Trying to pull|Resolving \"|Getting image source signatures|Copying (?:blob|config)|Writing manifest|Storing signatures|time=|"
    r"(?:error running )?subprocess(?: exited|:)|Error: |error building|level=)"
)
FETCH = re.compile(r'reading "(https?://[^"]*)": (.*)', re.DOTALL)
NO_STAGE = re.compile(r"(COPY --from=\S+): no stage or image found")
UNKNOWN_INSTRUCTION = re.compile(r'Unknown instruction: "([^"]*)"')
OUT_OF_DISK = ("no space left on device", "disk quota exceeded")
ABSENT = ("manifest unknown", "name unknown", "not found", "was deleted", "404")
DENIED = ("unauthorized", "denied", "authentication required", "403", "401")
UNREACHABLE = (
    "connection refused", "no such host", "i/o timeout", "network is unreachable", "no route to host", "server misbehaving", "context deadline",
    "certificate", "EOF", "server gave HTTP response", "connection reset",
)  # fmt: skip
PLATFORM = ("no image found in manifest list", "no image found in image index")


def explain(tail: Sequence[str], what: str) -> BuildFailure:
    """Return the failure that buildah's last lines describe. `what`: names the build or the image, as in "The Dockerfile"."""
    errors = [line for line in tail if line.startswith(("Error: ", "error: ", "level=error"))]
    error = PREFIX.sub("", errors[-1]) if errors else (tail[-1] if tail else "no output")
    if any(each in line for line in tail for each in OUT_OF_DISK):
        return BuildFailure(
            TOO_LARGE, f"{what} needs more disk than a build has: use a smaller base image, or several stages, of which the last is small."
        )
    if failure := _source_failure(error, what):
        return failure
    if match := NO_STAGE.search(error):
        return BuildFailure(BUILD_FAILED, f"{what}: {match[1]}: there is no stage of this name, and no such image can be pulled.")
    if match := FAILED_STEP.search(error):
        return _step_failure(match[1], match[2], tail)
    return BuildFailure(BUILD_FAILED, f"{what} cannot be built: {error}")


def _source_failure(error: str, what: str) -> BuildFailure | None:
    """The failure of a pull."""
    match = SOURCE.search(error + " ")
    if match is None:
        return None
    name, cause = match[1], error.rpartition(": ")[2]
    lower = error.lower()
    if any(each in error for each in PLATFORM):
        return BuildFailure(IMAGE_UNAVAILABLE, f"Image {name} has no variant for this machine's processor.")
    if any(each in lower for each in DENIED) and "manifest unknown" not in lower:
        hint = "set REGISTRY_USERNAME and REGISTRY_PASSWORD"
        return BuildFailure(
            IMAGE_UNAVAILABLE, f"Image {name} does not exist or is private ({cause}). Check its name; for a private registry, {hint}."
        )
    if any(each.lower() in lower for each in UNREACHABLE):
        hint = "Check its name; an operator can name a mirror with CAPSULE_BUILD_REGISTRY_MIRROR."
        return BuildFailure(IMAGE_UNAVAILABLE, f"The registry of image {name} cannot be reached ({cause}). {hint}")
    if any(each in lower for each in ABSENT):
        return BuildFailure(IMAGE_UNAVAILABLE, f"Image {name} does not exist: check its name and tag.")
    return BuildFailure(IMAGE_UNAVAILABLE, f"{what}: image {name} cannot be pulled: {cause}")


def _step_failure(step: str, error: str, tail: Sequence[str]) -> BuildFailure:
    if match := UNKNOWN_INSTRUCTION.search(error):
        return BuildFailure(BUILD_FAILED, f"Dockerfile: {match[1]} is not an instruction.")
    if step.startswith("RUN") and (match := EXIT.search(error)):
        output = "\n".join(output_of_step(tail))
        text = f"Dockerfile: `{_short(step)}` failed with exit code {match[1]}."
        return BuildFailure(BUILD_FAILED, text, output)
    if step.startswith(("COPY", "ADD")) and ("no such file or directory" in error or "no items matching" in error):
        hint = "The file is not in the build's folder, or .dockerignore excludes it."
        return BuildFailure(BUILD_FAILED, f"Dockerfile: `{_short(step)}` found nothing to copy. {hint}")
    if step.startswith("ADD") and (match := FETCH.match(error)):
        cause = match[2].rpartition(": ")[2].rstrip(".")
        return BuildFailure(BUILD_FAILED, f"Dockerfile: `{_short(step)}` cannot fetch {match[1]}: {cause}.")
    return BuildFailure(BUILD_FAILED, f"Dockerfile: `{_short(step)}` failed: {error.strip()}")


def output_of_step(tail: Sequence[str]) -> list[str]:
    """Return what the last instruction wrote, without buildah's own lines."""
    starts = [number for number, line in enumerate(tail) if STEP.match(line)]
    lines = tail[starts[-1] + 1 :] if starts else tail
    return [line for line in lines if not NOISE.match(line)]


def _short(step: str) -> str:
    return step if len(step) <= 160 else f"{step[:157]}…"
