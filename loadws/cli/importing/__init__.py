"""``loadws import``: scenarios made of files that other programs wrote."""
