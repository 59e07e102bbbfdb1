"""The handlers: they gather objects with the viewer's rights and records from the stores, and render pages."""
