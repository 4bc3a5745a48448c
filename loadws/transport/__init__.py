"""The network. ``base`` defines what the rest of loadws sees; everything else in this room is behind it."""
