"""Devboxes of this machine: directories, files, commands and their output."""
