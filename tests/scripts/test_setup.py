"""What `scripts/setup.sh` installs from, and that it installs nothing else."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("requirements*.txt"))
PIN = re.compile(r"[A-Za-z0-9_.-]+==[^\s;=]+(?: ; [^\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_package_is_an_exact_version_with_its_hashes(file: Path) -> None:
    text = "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("#"))
    assert PIN.sub("", text) == "" and text


def test_every_install_requires_hashes_but_that_of_this_folder() -> None:
    text = (ROOT / "scripts/setup.sh").read_text()
    installs = [line for line in text.splitlines() if "pip install" in line and not line.startswith("#")]
    assert len(installs) == 3
    assert [line for line in installs if '"${strict[@]}"' not in line] == [installs[-1]]
    assert installs[-1].endswith("--no-deps --no-build-isolation --editable .")
    assert set(re.findall(r"requirements[\w-]*\.txt", text)) <= {file.name for file in FILES}


def _wheel(folder: Path, name: str) -> str:
    """A wheel of nothing; its SHA-256."""
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_package_of_another_hash_is_refused(tmp_path: Path) -> None:
    strict = re.search(r"^strict=\((.*)\)$", (ROOT / "scripts/setup.sh").read_text(), re.MULTILINE)
    assert strict
    right = _wheel(tmp_path, "harmless")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--isolated", "--no-index"]
    wanted = tmp_path / "requirements.txt"

    def install(line: str) -> subprocess.CompletedProcess[str]:
        wanted.write_text(line)
        found = [*command, "--find-links", str(tmp_path), *strict[1].split(), "-r", str(wanted)]
        return subprocess.run(found, capture_output=True, text=True, check=False)

    assert install(f"harmless==1.0 --hash=sha256:{right}").returncode == 0
    tampered = install(f"harmless==1.0 --hash=sha256:{right[:-4]}0000")
    assert tampered.returncode == 1 and "DO NOT MATCH" in tampered.stderr
    unhashed = install("harmless==1.0")
    assert unhashed.returncode == 1 and "hash" in unhashed.stderr
