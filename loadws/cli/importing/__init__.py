"""``loadws import``: make scenarios from files of other programs."""
