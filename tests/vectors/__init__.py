"""Examples that standards publish, run through Capsule's own code. Each names its source."""
