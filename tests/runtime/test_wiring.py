"""Every function of the product can be put together: each need in its signature is provided by its context's wiring or by the runtime."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions.kernel import Declaration
from functions.runtime.config.clock import SystemClock
from functions.runtime.config.registry import Registry, contexts
from functions.runtime.config.settings import Settings
from functions.runtime.execution.batches import Batches
from functions.runtime.execution.execution_log import ExecutionLog
from functions.runtime.execution.execution_metrics import ExecutionMetrics
from functions.runtime.execution.function import Function
from functions.runtime.messaging.bus import Bus
from functions.runtime.security import encryption, tokens
from functions.runtime.serving.process import Process


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    signing = tokens.new_signing_jwks()
    mounted: dict[str, Any] = {
        "signing/jwks.json": signing,
        "jwks/jwks.json": tokens.public_jwks(signing),
        "sealing/keys.json": encryption.new_private_keys(),
    }
    for name, content in mounted.items():
        file = tmp_path / "etc/capsule" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    urls = {f"CAPSULE_{context.upper()}_DATABASE_URL": "postgresql://127.0.0.1:1/none" for context in contexts()}
    stripe = {"CAPSULE_STRIPE_API_KEY": "sk_test_none", "CAPSULE_STRIPE_WEBHOOK_SECRET": "whsec_none"}
    return Settings({"CAPSULE_ROOT": str(tmp_path), "CAPSULE_MAIL_URL": f"maildir://{tmp_path}", "CAPSULE_FUNCTION": "none", **stripe, **urls})


@pytest.mark.parametrize("declaration", Registry.load().declarations, ids=lambda declaration: declaration.name)
async def test_a_function_gets_all_it_needs(declaration: Declaration, settings: Settings) -> None:
    process = Process(settings, SystemClock())
    bus = Bus("amqp://127.0.0.1:1", "test")
    context = process._create_context(declaration.context, bus, ExecutionLog(ExecutionMetrics(bus)), 1)
    assert Function(declaration, context, Batches(context)).name == declaration.name


def test_the_product_has_its_four_contexts() -> None:
    assert contexts() == ["auth", "billing", "deploy", "monitor"]
