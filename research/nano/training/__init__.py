"""A training run: batches, curriculum, schedule, loop, weights in and out."""
