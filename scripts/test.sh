#!/usr/bin/env bash
# Sets up .venv with the test tools and runs the tests in three workers. Further arguments go to pytest: -n 0 for one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_once dev requirements-dev.txt requirements-extras.txt
# Tests start hundreds of processes: each module is compiled once, not in each of them, wherever Python is told to keep no bytecode.
unset PYTHONDONTWRITEBYTECODE
# Torch's threads would wait for one another on the other workers' cores.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Three on two cores: many tests wait, for a process to start or to be found dead.
# A file is one worker's, for the sake of its fixtures; xdist's groups of files do nothing under pytest 9.2.
exec .venv/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder "$@"
