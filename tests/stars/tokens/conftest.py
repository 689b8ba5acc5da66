"""What all tests of tokens need."""

from importlib.util import find_spec

collect_ignore_glob = [] if all(map(find_spec, ("gaiaxpy", "dust_extinction", "speclite"))) else ["test_*.py"]
