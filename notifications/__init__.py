"""Telling people: in the page and by mail. Knows no accounts and no namespaces, only who is told what."""

MESSAGES = "messages"
"""The lane of messages to people: workers take from it when there is nothing to do in a cluster."""
