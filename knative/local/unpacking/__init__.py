"""Unpack an image's archive, which its build wrote: a program that runs alone in a sandbox, so it uses the standard library only.

`archive` reads a tar stream, `unpacker` writes new files within limits, `unpack` is the program.
"""
