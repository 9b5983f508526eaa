"""What an image's configuration says about its start (OCI image-spec, config.md; Docker's HEALTHCHECK and SHELL). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knative.builder.failure import BUILD_FAILED, BuildFailure

USUAL_PORTS = (8080, 3000, 8000, 5000, 80)
"""Of several exposed ports, the one that serves HTTP is usually among these; the first of them is chosen."""
SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class ImageConfig:
    command: tuple[str, ...]
    env: Mapping[str, str]
    user: str
    """As the image names it; `accounts` resolves it."""
    directory: str
    port: int
    """0: the image exposes none; the application has to listen on PORT."""
    notices: tuple[str, ...]


def read_config(config: Mapping[str, Any], start: str, what: str) -> ImageConfig:
    """Read the `config` of an image's configuration.

    `start`: a command of the user's that replaces the image's; empty: none. `what`: names the image in messages. Raises
    BuildFailure if there is no command.
    """
    command = (*SHELL, start) if start else (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    if not command:
        raise BuildFailure(BUILD_FAILED, f"{what} has neither CMD nor ENTRYPOINT: add the command that serves HTTP, or set a start command.")
    env = dict(entry.partition("=")[::2] for entry in config.get("Env") or () if "=" in entry)
    directory = str(config.get("WorkingDir") or "/")
    return ImageConfig(
        tuple(command), env, str(config.get("User") or ""), directory if directory.startswith("/") else f"/{directory}",
        listening_port(env, config.get("ExposedPorts") or {}), _notices(config, env),
    )  # fmt: skip


def listening_port(env: Mapping[str, str], exposed: Mapping[str, Any]) -> int:
    """Return the port to send requests to: ENV PORT, else the exposed TCP port, else 0."""
    if (port := _port(env.get("PORT", ""))) is not None:
        return port
    ports = sorted(port for name in exposed if (port := _port(name.removesuffix("/tcp"))) is not None)
    return next((port for port in USUAL_PORTS if port in ports), ports[0] if ports else 0)


def _port(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < int(text) < 1 << 16 else None


def _notices(config: Mapping[str, Any], env: Mapping[str, str]) -> tuple[str, ...]:
    notices = []
    check = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if check[0] != "NONE":
        notices.append("HEALTHCHECK is not used: set a health path instead")
    if volumes := sorted(config.get("Volumes") or ()):
        notices.append(f"VOLUME {' '.join(volumes)}: what is written there is lost when the application restarts")
    if (signal := config.get("StopSignal")) and signal not in ("SIGTERM", "15"):
        notices.append(f"STOPSIGNAL {signal} is not used: applications are stopped with SIGTERM")
    ports = sorted(config.get("ExposedPorts") or ())
    if len(ports) > 1:
        notices.append(f"EXPOSE {' '.join(ports)}: requests go to port {listening_port(env, config['ExposedPorts'])}; ENV PORT names another")
    return tuple(notices)
