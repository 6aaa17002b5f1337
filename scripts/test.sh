#!/usr/bin/env bash
# Sets up .venv with the test tools and runs the tests in two workers. Further arguments go to pytest: -n 0 for one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_once dev requirements-dev.txt requirements-extras.txt
# Tests start hundreds of processes: each module is compiled once, not in each of them, wherever Python is told to keep no bytecode.
unset PYTHONDONTWRITEBYTECODE
# Each worker has a core; torch's threads would wait for one another on the other worker's.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# A file is one worker's, for the sake of its fixtures; xdist's groups of files do nothing under pytest 9.2.
exec .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
