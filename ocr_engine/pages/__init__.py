"""Files to model views: finding inputs, rendering, cutting views. CPU only; knows no engine, no markdown."""
