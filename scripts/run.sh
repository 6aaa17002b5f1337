#!/usr/bin/env bash
# Sets up .venv and converts samples/ with config.yaml. Further arguments go to batch_pdf.py.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
exec .venv/bin/python batch_pdf.py "$@"
