"""Lock files: what a recipe takes from the hub, pinned beside it in `NAME.lock`.

Checking and planning never touch the network. What a recipe names on the hub is resolved once by
`specc lock FILE`: a model or data set is written down as a commit of 40 hex digits, with all that a
plan needs to know of it. The file is JSON, made to be kept in version control.

1. `lock` has the format: `Lock`, read with `read_lock(spec)` and written with `write_lock`.
2. `pins` is how a compilation asks: `locked(lock)` sets the lock for the time of a compilation,
   `current()` is it. What is asked for and `missing` is noted where somebody is `listening`.
3. `resolve` does the work of `specc lock`: it compiles, resolves what was missing, and compiles again.
"""

from specc.locking.lock import (
    DatasetLock,
    Lock,
    ModelLock,
    PartLock,
    SplitLock,
    lock_path,
    read_lock,
    write_lock,
)
from specc.locking.pins import (
    DatasetWanted,
    ModelWanted,
    current,
    is_locking,
    listening,
    locked,
    missing,
)

__all__ = [
    "DatasetLock",
    "DatasetWanted",
    "Lock",
    "ModelLock",
    "ModelWanted",
    "PartLock",
    "SplitLock",
    "current",
    "is_locking",
    "listening",
    "lock_path",
    "locked",
    "missing",
    "read_lock",
    "write_lock",
]
