"""Errors of images."""


class UnknownImage(Exception):
    """The reference names no image that may be used here. The message says why and how to fix it."""


class BadImage(Exception):
    """What a build left is not an acceptable image. The message is for the owner of the build."""
