"""What comes over the network."""
