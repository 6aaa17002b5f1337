"""Worker processes with a memory limit and a clock, and values handed to them through shared memory."""
