"""Steps that several use cases of billing share."""
