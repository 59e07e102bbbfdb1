"""View records, made of raw objects, plans and stored records. Pure.

It may do no I/O and make no HTML. Whatever is read here was written by somebody else: what can't be read is left out or
said, never an exception.
"""
