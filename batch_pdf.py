"""Folders of PDFs to markdown. See config.yaml, or --help."""

from ocr_engine.start import command

if __name__ == "__main__":
    raise SystemExit(command("ocr_engine.cli.entries", "batch_pdf", "batch_pdf.py")())
