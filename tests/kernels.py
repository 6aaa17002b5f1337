"""Runs a module's checks of Triton kernels on the CPU, in Triton's interpreter: slow, exact, without a GPU.

In a process of its own, because Triton reads the switch once, when it is first imported.
"""

import os
import subprocess
import sys


def run_interpreted(module: str) -> None:
    """Call `module`'s `checks()` under the interpreter."""
    # Imports are most of it, and leave no garbage.
    code = f"import gc\ngc.disable()\nfrom {module} import checks\nchecks()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
