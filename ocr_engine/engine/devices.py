"""The GPUs of this machine, found without CUDA or torch."""

import importlib.metadata
import os
from pathlib import Path

DEVICES_VARIABLE = "CUDA_VISIBLE_DEVICES"


def nvidia_device() -> bool:
    """Whether a device of NVIDIA's driver is there, whatever can use it."""
    return _device_count() > 0 or Path("/dev/dxg").exists()


def cuda_gpu_visible() -> bool:
    """Whether a CUDA GPU and a torch that can use it are here."""
    if os.environ.get(DEVICES_VARIABLE, "0").strip() in ("", "-1"):
        return False
    return nvidia_device() and not _cpu_build()


def visible_gpus() -> tuple[str, ...]:
    """The GPUs this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    given = os.environ.get(DEVICES_VARIABLE)
    if given is not None:
        names = [name.strip() for name in given.split(",")]
        # As CUDA reads it: what comes after the first invalid entry is not visible.
        hidden = names.index("-1") if "-1" in names else len(names)
        return tuple(name for name in names[:hidden] if name)
    return tuple(map(str, range(_device_count())))


def _device_count() -> int:
    return sum(1 for _ in Path("/dev").glob("nvidia[0-9]*"))


def _cpu_build() -> bool:
    try:
        return importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return True
