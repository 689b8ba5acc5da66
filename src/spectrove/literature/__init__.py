"""The literature as a tenant: abstracts attached to a base, linked to its objects, and searched."""
