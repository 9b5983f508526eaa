"""How answers of the API look to people: pure functions from a document to what Rich prints. Nothing here prompts, waits or prints."""
