"""The table of encoders: every method answers the same queries, mock and real."""
