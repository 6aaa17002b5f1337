"""The command line: options, one run under a terminal, the last words; doctor."""
