"""Score the engine or predictions on OmniDocBench, Fox or olmOCR-bench. See --help."""

from ocr_engine.benchmark.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
