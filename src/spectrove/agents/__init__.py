"""What every planner that answers for a person shares: figures that must be those of results, and language models."""
