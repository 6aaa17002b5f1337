"""The one room that knows vLLM: model classes, guard and schedulers inside it, and its process."""
