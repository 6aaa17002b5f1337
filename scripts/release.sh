#!/usr/bin/env bash
# Walks the checklist of a release and stops at the first thing that is not as it should be: scripts/release.sh 0.2.0 [--quick | --dry]
# With --quick the tests are not run; with --dry nothing is run, and each step says what it would run. It publishes nothing: the last
# lines say what is left to do by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version="${1:-}" mode="${2:-}"
[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "release: give the version, such as 0.2.0" >&2; exit 2; }

step() { printf '== %s\n' "$*"; }
run() { if [ "$mode" = --dry ]; then echo "   would run: $*"; else "$@"; fi; }
need() { echo "release: $*" >&2; exit 1; }

step "the working tree is clean"
[ -z "$(git status --porcelain)" ] || need "commit or stash first: git status"
step "the version is $version everywhere"
grep -qx "__version__ = \"$version\"" ocr_engine/__init__.py || need "set __version__ in ocr_engine/__init__.py to $version"
grep -qx "version: $version" CITATION.cff || need "set version in CITATION.cff to $version"
step "the changelog has a section for it, and nothing under Unreleased"
grep -q "^## $version - 20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]$" CHANGELOG.md || need "CHANGELOG.md needs a section '## $version - DATE'"
[ -z "$(sed -n '/^## Unreleased/,/^## [0-9]/p' CHANGELOG.md | grep '^- ' || true)" ] || need "move the lines under Unreleased to $version"
step "upgrade notes and the citation know it"
grep -q "^## To $version" docs/upgrading.md || need "docs/upgrading.md needs a section '## To $version'"
grep -q '^date-released: ' CITATION.cff || need "CITATION.cff needs date-released"
step "the tag is free"
[ -z "$(git tag -l "v$version")" ] || need "the tag v$version exists"
step "format, lint and types"
run bash scripts/check.sh
step "what is written from the code is up to date, and the documentation builds"
run bash scripts/test.sh -n 0 -q tests/docs/test_site.py
if [ "$mode" != --quick ]; then
    step "all tests"
    run bash scripts/test.sh
fi
step "the wheel builds"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
run .venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$work" .
[ "$mode" = --dry ] || .venv/bin/python -m zipfile -l "$work"/deepseek_ocr_batch-"$version"-*.whl | grep -q 'ocr_engine/config/config.yaml' \
    || need "the wheel lacks ocr_engine/config/config.yaml"
cat <<END
== what is left to do by hand
   python -m bench.gpu_check on a GPU, with the versions of requirements.txt
   pip-audit and the bill of materials: CONTRIBUTING.md, "Supply chain"
   git tag -s v$version && git push --tags; publish the wheel and the built documentation
END
