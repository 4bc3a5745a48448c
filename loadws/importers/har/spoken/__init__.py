"""Conversations in a protocol that loadws speaks: what was sent becomes the protocol's verbs."""
