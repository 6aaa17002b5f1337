"""Folders of images to markdown. See config.yaml, or --help."""

from ocr_engine.cli.entries import batch_images

if __name__ == "__main__":
    raise SystemExit(batch_images())
