"""The seam to the network: ``base`` is the seam, everything else stands behind it."""
