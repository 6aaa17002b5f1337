"""Puts the config.yaml of the checkout into the package; all else about the build is in pyproject.toml."""

from pathlib import Path
from shutil import copyfile

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfig(build_py):
    """The usual build, and a copy of config.yaml in `ocr_engine/config/`."""

    def run(self) -> None:
        """Build the package, then add the file."""
        super().run()
        if not self.editable_mode:
            copyfile("config.yaml", Path(self.build_lib, "ocr_engine/config/config.yaml"))


setup(cmdclass={"build_py": BuildWithConfig})
