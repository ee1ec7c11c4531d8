"""Libraries of stellar populations in many layouts."""
