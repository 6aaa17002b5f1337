#!/usr/bin/env bash
# Format, lint and types, as CI runs them. `scripts/check.sh --fix` formats in place.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_once dev requirements-dev.txt requirements-extras.txt
if [ "${1:-}" = --fix ]; then
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .
else
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
fi
.venv/bin/mypy
