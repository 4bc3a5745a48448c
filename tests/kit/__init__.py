"""One kit for all tests: scripted peers, named faults over real sockets, what every transport must pass, our own sources.

``behaviour`` tells what a peer does; ``peer`` plays it in memory, ``loopback`` over sockets. ``faults`` are servers that
each do one thing wrong. ``conformance`` is what a new transport is held against. ``sources`` reads loadws as a graph.
"""
