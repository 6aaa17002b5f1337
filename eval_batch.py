"""Score the engine or predictions on OmniDocBench, Fox or olmOCR-bench. See --help."""

from ocr_engine.start import command

if __name__ == "__main__":
    raise SystemExit(command("ocr_engine.benchmark.cli", "main", "eval_batch.py")())
