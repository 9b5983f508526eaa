"""What can be wrong with an image."""


class UnknownImage(Exception):
    """The reference names no image that may be used here. The message says why and what to do."""


class BadImage(Exception):
    """What a build left is not an acceptable image. The message is a sentence for the person whose build it is."""
