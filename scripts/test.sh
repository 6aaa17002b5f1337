#!/usr/bin/env bash
# Sets up .venv with the test tools and runs the tests in two workers. Further arguments go to pytest: -n 0 for one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_once dev requirements-dev.txt requirements-extras.txt
# A file is one worker's, for the sake of its fixtures; xdist's groups of files do nothing under pytest 9.2.
exec .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
