"""One kit for all tests: scripted peers, named faults over real sockets, checks for every transport, plain values.

``behaviour`` describes what a peer does; ``peer`` plays it in memory, ``loopback`` over sockets. ``faults`` are servers
that each do one thing wrong. ``conformance`` has the checks that every transport must pass. ``sources`` reads loadws as
a graph. ``plain`` has scenarios and values that many tests begin with.
"""
