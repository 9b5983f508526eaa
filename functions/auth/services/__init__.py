"""What several use cases of the auth context do with its ports."""
