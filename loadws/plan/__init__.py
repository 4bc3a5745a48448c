"""Plan a load from a scenario and a seed: which user starts when. This is mathematics alone: no clock, no sockets, no
trio.
"""
