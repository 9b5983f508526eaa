"""What stands between people and the functions: triggered by HTTP, not by messages. No business rule lives here."""
