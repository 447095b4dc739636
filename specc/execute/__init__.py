"""Run a compiled study: what is not in the store is done, and told while it is.

run        the one entry: lock, folder of the run, outcome
drive      the loop: gives steps to slots, decides what follows from how they end
schedule   which step is next; pure state. `lanes` says which training steps go together
executor   the interface to what runs steps; `local` runs them in processes of this machine
watch      the picture of a run; `record` writes it, `console` and `live` show it
status     what another shell reads of it; `lock` tells whether the run lives
"""
