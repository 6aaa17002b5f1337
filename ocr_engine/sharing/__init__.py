"""One corpus over many runs ("drivers"): who takes which document, and how all becomes one output."""
