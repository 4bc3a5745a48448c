"""Files of this machine that several rooms write: whole or not at all, and in the user's cache."""
