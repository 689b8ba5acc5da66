"""Wrong labels: label noise from neighbours."""
