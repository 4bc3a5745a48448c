"""A small web server of our own for people's browsers: HTTP/1.1 on h11 and trio, for loopback."""
