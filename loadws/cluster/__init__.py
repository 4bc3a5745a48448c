"""A load that several machines make by one command: a coordinator, its shares, and the channel between them."""
