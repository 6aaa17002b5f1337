#!/usr/bin/env bash
# Rewrites the pinned requirements files from requirements.in. Run by hand when a dependency changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/uv" && "$work/uv/bin/pip" -q install uv
lock() { "$work/uv/bin/uv" pip compile -q --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url --no-emit-find-links "$@"; }

# Asked for on a CPU and not needed: builds of the first three are missing or break transformers; triton has no CPU backend
# (the tests run our kernels in its interpreter: it is among the development tools, in the version that GPUs get).
printf '%s ; python_version < "3"\n' torchvision torchaudio torchcodec triton > "$work/without.txt"
vllm_version="$(sed -n 's/^# vllm //p' requirements.in)"
torch_version="$(sed -n 's/^# torch //p' requirements.in)"
printf -- '-r %s/requirements.in\nvllm-cpu==%s\ntorch==%s+cpu\n' "$PWD" "$vllm_version" "$torch_version" > "$work/cpu.in"
printf -- '-r %s/requirements.in\nvllm==%s\n' "$PWD" "$vllm_version" > "$work/gpu.in"
find_links=()
[ -n "${PIP_FIND_LINKS:-}" ] && find_links=(--find-links "$PIP_FIND_LINKS")
lock "$work/cpu.in" --overrides "$work/without.txt" --index https://download.pytorch.org/whl/cpu "${find_links[@]}" \
    --index-strategy unsafe-best-match -o requirements-cpu.txt \
    || lock "$work/cpu.in" --overrides "$work/without.txt" "${find_links[@]}" -o requirements-cpu.txt
lock "$work/gpu.in" -o requirements.txt
triton="$(sed -n "s/^\(triton==[^ ]*\) ; sys_platform != 'darwin'/\1/p" requirements.txt)"
printf -- '-c %s/requirements-cpu.txt\npytest\npytest-asyncio\npytest-xdist\nhypothesis\nruff\nmypy\ntypes-PyYAML\ntypes-tqdm\nplaywright\npyarrow\n%s ; sys_platform == "linux"\n' "$PWD" "$triton" > "$work/dev.in"
lock "$work/dev.in" -o requirements-dev.txt
