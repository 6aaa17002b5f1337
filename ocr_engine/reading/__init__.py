"""One page: prepared in a worker, asked of the engine, judged, asked again, its figures read and drawn."""
