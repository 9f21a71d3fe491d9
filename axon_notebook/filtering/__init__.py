"""The filter language of the viewer, for widgets and axons alike."""
