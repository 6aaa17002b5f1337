"""Folders of images to markdown. See config.yaml, or --help."""

from ocr_engine.start import command

if __name__ == "__main__":
    raise SystemExit(command("ocr_engine.cli.entries", "batch_images", "batch_images.py")())
