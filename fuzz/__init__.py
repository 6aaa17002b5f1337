"""Coverage-guided fuzzing of what reads text of strangers: README.md. A target is a module with `check`."""
