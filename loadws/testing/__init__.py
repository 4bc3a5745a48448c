"""The public test kit: scripted peers, named faults over real sockets, and what every transport must pass.

``behaviour`` tells what a peer does; ``peer`` plays it in memory, ``loopback`` over sockets. ``faults`` are servers that
each do one thing wrong. ``conformance`` is the kit that a new transport is held against.
"""
