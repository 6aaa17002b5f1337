"""What tests of conversions share."""

from typing import Any

import pytest

from ocr_engine.engine.replay import ReplayEngine


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that the engine was asked for."""
    found: list[str] = []
    generate = ReplayEngine.generate

    async def noted(self: ReplayEngine, request: Any, *args: Any) -> Any:
        found.append(request.request_id)
        return await generate(self, request, *args)

    monkeypatch.setattr(ReplayEngine, "generate", noted)
    return found
