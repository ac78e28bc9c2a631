"""The roles' instructions to a model, one file a role; what they say is recorded by its digest.

Here belongs text alone. Here does not belong data of a run: that goes into a prompt's sections.
"""
