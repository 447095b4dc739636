"""Whether finished steps still hold what they held, and whether doing them again gives the same.

`checksums` compares files with manifests, `again` re-executes steps and compares what comes out.
"""
