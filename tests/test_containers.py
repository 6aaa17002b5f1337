"""Containers and what runs them, as far as no daemon is needed: parsed, and each command understood."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from ocr_engine.cli.arguments import PDF, load_config, parser

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
KNOWN = {"FROM", "RUN", "CMD", "ENTRYPOINT", "COPY", "USER", "WORKDIR", "EXPOSE", "VOLUME", "HEALTHCHECK"}


def instructions(path: Path) -> list[tuple[str, str]]:
    """Name and rest of each, lines that go on joined, comments left out."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in text.splitlines() if line.strip()]


def args_of(path: Path, name: str) -> list[str]:
    return [rest for word, rest in instructions(path) if word == name]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_image_is_pinned_small_and_not_roots(path: Path) -> None:
    found = instructions(path)
    assert {word for word, _ in found} <= KNOWN
    (base,) = args_of(path, "FROM")
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*", base), "a version, not a moving tag"
    runs = args_of(path, "RUN")
    for run in runs:
        assert subprocess.run(["bash", "-n", "-c", run], check=False).returncode == 0
        assert "apt-get install" not in run or (
            "--no-install-recommends" in run and "rm -rf /var/lib/apt/lists" in run
        )
        for install in re.findall(r"pip install[^&]*", run):
            assert "--require-hashes" in install or install.rstrip().endswith(" ."), install
            assert "--no-cache" in install
    assert args_of(path, "USER") == ["10001:10001"]
    after = [word for word, _ in found[[word for word, _ in found].index("USER") + 1 :]]
    assert not {"RUN", "COPY"} & set(after), "nothing is made after root is left"
    assert args_of(path, "ENTRYPOINT") == ['["deepseek-ocr"]'] and args_of(path, "CMD") == ['["--help"]']
    (health,) = args_of(path, "HEALTHCHECK")
    command = yaml.safe_load(health[health.index("[") :])
    compile(command[2], "healthcheck", "exec")


def test_the_base_is_the_pinned_vllm() -> None:
    pinned = re.search(r"^# GPU machines: vllm (\S+)$", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert pinned and args_of(ROOT / "docker/gpu.Dockerfile", "FROM") == [f"vllm/vllm-openai:v{pinned[1]}"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_copied_is_there_and_let_in(path: Path) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    for copy in args_of(path, "COPY"):
        for name in copy.split()[:-1]:
            assert (ROOT / name).exists(), name
            assert any(fnmatch(name, pattern) for pattern in allowed), name
    needed = {name for copy in args_of(path, "COPY") for name in copy.split()[:-1]}
    for run in args_of(path, "RUN"):
        assert set(re.findall(r"-r (\S+)", run)) <= needed


def read_by_us(words: list[str]) -> None:
    """The command line is one of ours, and its config is right."""
    assert words[0] == "pdf", words
    load_config(parser(PDF).parse_args(words[1:]))


def test_compose_runs_what_is_built_here() -> None:
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    for service in compose["services"].values():
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert service["cap_drop"] == ["ALL"] and "privileged" not in service
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        read_by_us(service["command"])
    if shutil.which("docker-compose"):
        subprocess.run(
            ["docker-compose", "-f", str(ROOT / "docker/compose.yaml"), "config", "-q"], check=True
        )


def containers(values: Any) -> Iterator[dict[str, Any]]:
    if isinstance(values, dict):
        yield from values.get("containers", [])
        for inner in values.values():
            yield from containers(inner)
    elif isinstance(values, list):
        for inner in values:
            yield from containers(inner)


def test_kubernetes_files_are_whole_and_their_commands_ours() -> None:
    job = yaml.safe_load((ROOT / "deploy/kubernetes-drivers.yaml").read_text())
    (driver,) = containers(job)
    read_by_us([word.replace("$(JOB_COMPLETION_INDEX)", "3") for word in driver["args"]])
    assert job["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    ray = yaml.safe_load((ROOT / "deploy/kuberay.yaml").read_text())
    read_by_us(shlex.split(ray["spec"]["entrypoint"])[1:])
    assert len(list(containers(ray))) == 3
    names = {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in driver["volumeMounts"]} == names


def test_slurm_scripts_are_bash_and_their_commands_ours() -> None:
    for path in (ROOT / "deploy").glob("*.sh"):
        subprocess.run(["bash", "-n", str(path)], check=True)
        text = re.sub(r"\\\n\s*", "", path.read_text())
        (command,) = re.findall(r"exec deepseek-ocr (.*)'$", text, re.MULTILINE)
        read_by_us([word.replace("${SLURM_PROCID}", "7") for word in shlex.split(command)])
