"""What several use cases of this context do with its ports."""
