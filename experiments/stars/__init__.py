"""What can be measured on stars."""
