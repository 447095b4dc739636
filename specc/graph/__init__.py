"""From checked experiments to steps: arms, states with content keys, the plan, what it will cost.

states       states of stages, their keys, which goes on from which
expand       all arms of an experiment and their distinct steps
cost         predicted time
environment  whether finished steps were made with other versions
plan         steps with what is done, as data; the graph
show         a plan as text
"""
