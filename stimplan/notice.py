"""The sentence that stands on every page and every screen, and the kind of notice that stops nothing."""

NOTICE = (
    "Research and educational software. Not a medical device. Compares entered parameters with published tables and "
    "labels; does not establish that a protocol is safe for a person. Responsibility stays with the qualified user, "
    "ethics approval and the device's instructions for use."
)


class StimplanNotice(RuntimeWarning):
    """Something a person should know although nothing was kept from being done, such as a mesh that was made again."""
