"""Sentences read by a grammar: tokens, phrases, logic. What words mean is a vocabulary that a domain hands over."""
