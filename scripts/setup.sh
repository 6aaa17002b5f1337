#!/usr/bin/env bash
# Makes .venv with what this machine can use: vLLM for a CUDA GPU, the CPU build of vLLM without one.
# Sourced by run.sh and test.sh. Running it again installs nothing unless a requirements file changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
stop() { say "setup: $*"; exit 1; }

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3.14 python3; do
        if "$candidate" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    stop "needs Python 3.11 to 3.14 on the PATH; install one, for example: sudo apt install python3.11 python3.11-venv"
}

make_venv() {
    local python
    [ -x .venv/bin/pip ] && return
    python="$(find_python)"
    "$python" -c 'import ensurepip' 2>/dev/null \
        || stop "$python has no ensurepip; install the venv package, for example: sudo apt install python3-venv"
    say "setup: making .venv with $("$python" --version)"
    "$python" -m venv .venv
}

has_gpu() { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q GPU; }

# Every file that is installed from holds the hashes of its packages: one with another hash is refused. Only wheels are taken, but
# for jieba, which has none: it is built with the setuptools of requirements-setup.txt, so that no build fetches anything.
strict=(--no-deps --require-hashes --only-binary :all: --no-binary jieba --no-build-isolation)

pip_install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "${strict[@]}" "$@"; }

# uv installs in parallel, several times faster than pip; pip does it where uv cannot (a mirror set up for pip alone).
fast_install() {
    .venv/bin/uv pip install --quiet --python .venv/bin/python "${strict[@]}" "$@" 2>/dev/null || pip_install "$@"
}

install_cpu_torch() {
    # Some machines have the CPU wheel among pip's own sources; elsewhere it comes from PyTorch's index.
    pip_install -r requirements-torch-cpu.txt 2>/dev/null \
        || pip_install --extra-index-url https://download.pytorch.org/whl/cpu -r requirements-torch-cpu.txt
}

# install_once STAMP FILE...: installs the files, and again only when one of them changes.
install_once() {
    local stamp=".venv/$1.stamp" sum file
    shift
    sum="$(cat requirements-setup.txt "$@" pyproject.toml | sha256sum)"
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && return
    say "setup: installing $* (a few minutes the first time)"
    for file in requirements-setup.txt "$@"; do
        install_file "$file" || stop "could not install $file: is the package registry reachable, and are 8 GB of disk free?"
    done
    # This folder itself: nothing is fetched, so there is nothing to hash.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    echo "$sum" > "$stamp"
}

install_file() {
    case "$1" in
        requirements-setup.txt) pip_install -r "$1" ;;
        requirements-torch-cpu.txt) install_cpu_torch ;;
        *) fast_install -r "$1" ;;
    esac
}

[ "$(uname -s)" = Linux ] || stop "vLLM's wheels are for Linux; on other systems use Docker or WSL 2"
make_venv
if has_gpu; then
    install_once runtime requirements.txt
else
    install_once runtime requirements-torch-cpu.txt requirements-cpu.txt
fi
