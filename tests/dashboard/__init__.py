"""The dashboard: its pages in front of the in-memory Capsule, and in Chromium in front of a whole one."""
