"""The operator: makes the status of each Dataset tell the truth, and hands out credentials through its broker.

Level-triggered: gather -> decide -> apply. It writes statuses, Events and nudges to waiting pods; it never places,
mounts or mutates anything.
"""
