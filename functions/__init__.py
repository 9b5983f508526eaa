"""Capsule's functions: four bounded contexts, the words they are written in (kernel), what runs them (runtime) and the edge."""
