"""Functions that HTTP triggers, not messages: the entrance of the platform. No business rules."""
