"""What a process is configured with: settings, clock, the registry of functions, the wiring of ports.

Invariants: nothing here opens a connection, and reading the registry for one function imports that function's module alone.
"""
