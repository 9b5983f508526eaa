"""Functions that HTTP triggers, not messages: the entrance of the platform, and the terminals of one-off commands. No business rules."""
