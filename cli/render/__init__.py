"""How answers of the API look to a person: pure functions from a document to what Rich prints. No file here asks, waits or prints."""
