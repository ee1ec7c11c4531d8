"""Tables of emission lines of photoionisation models."""
