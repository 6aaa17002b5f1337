#!/usr/bin/env bash
# Sets up .venv with the test tools and runs the tests. Further arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_once dev requirements-dev.txt requirements-extras.txt
exec .venv/bin/python -m pytest "$@"
