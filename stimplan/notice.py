"""The sentence that stands on every page and every screen."""

NOTICE = (
    "Research and educational software. Not a medical device. Compares entered parameters with published tables and "
    "labels; does not establish that a protocol is safe for a person. Responsibility stays with the qualified user, "
    "ethics approval and the device's instructions for use."
)
