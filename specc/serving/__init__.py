"""A page on this machine that follows a run and answers queries.

* `guard`: who may ask: loopback, a token, this page and no other.
* `following`: how a run stands now, from its status and the growing logs of its steps.
* `published`: the newest generation of the results, kept open, with limits.
* `facts`: what the page shows of the results, each a query.
* `asking`: queries of the user: timed, cancelled, capped.
* `application`: addresses and answers. `server`: sockets and the event loop.

Nothing here writes but the index that every reader of results brings up to date. No text that a
browser sends becomes a path: files of the page are looked up in a table that is made at the start,
steps are named by their keys in queries with parameters.
"""
