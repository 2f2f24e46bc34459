"""Readers of head meshes and label volumes made by other programs."""
