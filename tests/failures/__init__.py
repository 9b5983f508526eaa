"""Real failures: git repositories that the builder builds, and that a complete Capsule runs."""
