"""Models of the Hugging Face hub: where their files lie here, and how they are fetched.

`cache` finds files that were fetched before, without a network and without the hub's library. `fetch`
asks the hub; only `specc lock`, and a run that misses pinned files, use it.
"""

from specc.hub.cache import cached_file, snapshot_folder

__all__ = ["cached_file", "snapshot_folder"]
