"""Faces: live widgets over handles."""
