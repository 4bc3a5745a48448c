"""Other tools at the same work: a closed loop of 64 bytes on some connections, against the same server, on the same core."""
